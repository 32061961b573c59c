"""`python -m benchmarks.coldstart`: a worker that has just been started, from its first import to the first label.

Each time a fresh process imports CoreQC, loads and verifies the bundle that ships (or the one that is named), reads a
small series and classifies it. The files are warm, as they are on a machine that runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

STEPS = ("imports", "bundle", "sessions", "series", "label")


def main() -> None:
    """Write the series, start processes, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coldstart", description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path, help="default: the one that ships")
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(_measured(arguments.measure, arguments.bundle, arguments.threads)))
        return
    from apps.imaging.__main__ import BUNDLES, newest_bundle
    from apps.imaging.phantom import Examination, make_phantom, write_series

    bundle = arguments.bundle or newest_bundle()
    if bundle is None:
        parser.error(f"there is no bundle in {BUNDLES}")
    voxels, spacing_mm = make_phantom("chest", enhanced=True, seed=1, slices=arguments.slices)
    with tempfile.TemporaryDirectory() as folder:
        write_series(Path(folder), voxels, spacing_mm, Examination("chest", True, 1, "Chest CE"))
        command = [sys.executable, "-m", "benchmarks.coldstart", str(bundle), "--measure", folder]
        command += ["--threads", str(arguments.threads)]
        runs = [_run(command) for _ in range(arguments.repeats + 1)][1:]
    print(f"{bundle}, {arguments.slices} slices of {voxels.shape[1]} x {voxels.shape[2]}, fresh process")
    for step in (*STEPS, "together", "whole process"):
        seconds = [run[step] for run in runs]
        low, middle, high = statistics.quantiles(seconds, n=4)
        print(f"  {step:14} median {middle:.3f} s (quartiles {low:.3f} to {high:.3f}, n = {len(seconds)})")


def _run(command: list[str]) -> dict[str, float]:
    started = time.perf_counter()
    ended = subprocess.run(command, check=True, capture_output=True)
    return {**json.loads(ended.stdout), "whole process": time.perf_counter() - started}


def _measured(series: Path, folder: Path, threads: int) -> dict[str, float]:
    """Return the seconds of each step, in a process that has done nothing before."""
    marks = [time.perf_counter()]
    from apps.imaging.bundle import load_bundle
    from apps.imaging.digest import build_digest
    from apps.imaging.headers import group_into_series, read_headers
    from apps.imaging.pipeline import classify

    marks.append(time.perf_counter())
    bundle = load_bundle(folder, threads=threads)
    marks.append(time.perf_counter())
    bundle.prepare()
    marks.append(time.perf_counter())
    files = [path for path in sorted(series.rglob("*")) if path.is_file()]
    digest = build_digest(group_into_series(read_headers(files)[0])[0], threads=threads)
    marks.append(time.perf_counter())
    if classify(digest, bundle) is None:
        raise SystemExit("the series was not classified")
    marks.append(time.perf_counter())
    steps = {step: after - before for step, (before, after) in zip(STEPS, pairwise(marks), strict=True)}
    return {**steps, "together": marks[-1] - marks[0]}


if __name__ == "__main__":
    main()
