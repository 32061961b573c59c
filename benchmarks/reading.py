"""`python -m benchmarks.reading`: a series on disk to its digest, against plain reading of the files and dcm2niix."""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from apps.imaging.digest import build_digest
from apps.imaging.headers import group_into_series, read_headers
from apps.imaging.phantom import Examination, make_phantom, write_series

TRANSFER_SYNTAXES = ("explicit", "jpeg_lossless", "jpeg_ls", "j2k")


def main() -> None:
    """Write the series, measure each in a process of its own, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--matrix", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=TRANSFER_SYNTAXES)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(_measured(arguments.measure, arguments.repeats, arguments.threads)))
        return
    voxels, spacing_mm = make_phantom("chest", enhanced=True, seed=1, slices=arguments.slices, matrix=arguments.matrix)
    examination = Examination("chest", True, 1, "Chest CE")
    print(
        f"{arguments.slices} slices of {arguments.matrix} x {arguments.matrix}, {arguments.threads} threads, warm files"
    )
    with tempfile.TemporaryDirectory() as temporary:
        for transfer_syntax in [arguments.only] if arguments.only else TRANSFER_SYNTAXES:
            folder = Path(temporary) / transfer_syntax
            write_series(folder, voxels, spacing_mm, examination, transfer_syntax=transfer_syntax)
            _report(transfer_syntax, folder, arguments)
            shutil.rmtree(folder)


def _report(transfer_syntax: str, folder: Path, arguments: argparse.Namespace) -> None:
    files = sorted(folder.rglob("*"))
    size = sum(path.stat().st_size for path in files if path.is_file())
    print(f"\n{transfer_syntax}: {size / 1e6:.0f} MB")
    floor = _repeated(lambda: [path.read_bytes() for path in files if path.is_file()] and None, arguments.repeats)
    print(f"  reading the bytes alone  {_spread(floor)}")
    command = [sys.executable, "-m", "benchmarks.reading", "--measure", str(folder)]
    command += ["--repeats", str(arguments.repeats), "--threads", str(arguments.threads)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    print(f"  headers                  {_spread(measured['headers'])}")
    print(f"  headers and digest       {_spread(measured['digest'])}")
    print(f"  memory                   {measured['peak_mb']:.0f} MB peak, {measured['idle_mb']:.0f} MB before reading")
    print(f"  processor time           {measured['processor']:.3f} s a digest")
    if shutil.which("dcm2niix"):
        try:
            told = _spread(_repeated(lambda: _dcm2niix(folder), max(3, arguments.repeats // 2)))
        except subprocess.CalledProcessError:
            told = "does not read this transfer syntax as it is built here"
        print(f"  dcm2niix                 {told}")


def _measured(folder: Path, repeats: int, threads: int) -> dict[str, object]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    idle = _peak_mb()

    def digest() -> None:
        for series in group_into_series(read_headers(files)[0]):
            build_digest(series, threads=threads)

    headers = _repeated(lambda: read_headers(files) and None, repeats)
    before = time.process_time()
    seconds = _repeated(digest, repeats)
    processor = (time.process_time() - before) / (repeats + 1)
    return {
        "headers": headers,
        "digest": seconds,
        "processor": processor,
        "idle_mb": idle,
        "peak_mb": _peak_mb(),
    }


def _dcm2niix(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as output:
        subprocess.run(["dcm2niix", "-z", "n", "-o", output, str(folder)], check=True, capture_output=True)


def _repeated(work: Callable[[], None], repeats: int) -> list[float]:
    """Return the seconds of each run after one that warms up."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds[1:]


def _spread(seconds: list[float]) -> str:
    low, _, high = statistics.quantiles(seconds, n=4)
    middle = statistics.median(seconds)
    return f"median {middle:.3f} s (quartiles {low:.3f} to {high:.3f}, best {min(seconds):.3f}, n = {len(seconds)})"


def _peak_mb() -> float:
    """Return the most memory that this process ever held; getrusage would count its parent's before exec."""
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return float(fields["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
