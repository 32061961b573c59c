"""`python -m benchmarks.ensemble`: a bundle's networks on one series, warm, and the time to load and verify them.

The six classifiers are measured by themselves, without the coverage networks, and then all together. Measures the
bundle that ships and any others that are named, or that IMAGEQC_BENCHMARK_BUNDLES names (folders, with the separator of
PATH between them): an InceptionResNetV2 bundle, for example, whose weights do not lie in the repository.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from apps.imaging.__main__ import BUNDLES, newest_bundle
from apps.imaging.bundle import ModelBundle, load_bundle
from apps.imaging.bundle.manifest import seal
from apps.imaging.vocabulary import PICTURES

WARM_UP = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ensemble", description=__doc__)
    parser.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE", help="beside the one that ships")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    named = [Path(name) for name in os.environ.get("IMAGEQC_BENCHMARK_BUNDLES", "").split(os.pathsep) if name]
    pictures = {
        name: np.random.default_rng(index).integers(0, 256, (512, 512), dtype=np.uint8)
        for index, name in enumerate(PICTURES)
    }
    for folder in (newest_bundle(), *named, *arguments.bundles):
        if folder is None:
            parser.error(f"there is no bundle in {BUNDLES}")
        _measure(folder, pictures, arguments.threads, arguments.repeats)


def _measure(folder: Path, pictures: dict[str, np.ndarray], threads: int, repeats: int) -> None:
    loaded, verified, first = _load(folder, threads)
    count = sum(len(module.members) for module in loaded.modules.values())
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{loaded.name} {loaded.version}: {loaded.recipe}")
    print(f"  {size / 1e6:.0f} MB, {loaded.device}")
    print(f"  verify the bundle {1000 * verified:.0f} ms, make all sessions {1000 * first:.0f} ms")
    with tempfile.TemporaryDirectory() as temporary:
        labels = _without_coverage(folder, Path(temporary) / folder.name)
        _classify(f"the {count} classifiers", load_bundle(labels, threads=threads), pictures, repeats)
    if loaded.coverage:
        _classify(f"with the {len(loaded.coverage.members)} coverage networks", loaded, pictures, repeats)


def _classify(what: str, bundle: ModelBundle, pictures: dict[str, np.ndarray], repeats: int) -> None:
    for _ in range(WARM_UP):
        bundle.classify(pictures)
    before = time.process_time()
    seconds = [bundle.classify(pictures).seconds for _ in range(repeats)]
    processor = (time.process_time() - before) / repeats
    low, middle, high = statistics.quantiles(seconds, n=4)
    print(
        f"  {what}: median {1000 * middle:.1f} ms (quartiles {1000 * low:.1f} to {1000 * high:.1f}, "
        f"best {1000 * min(seconds):.1f}, worst {1000 * max(seconds):.1f}, n = {len(seconds)}), "
        f"processor time {1000 * processor:.1f} ms"
    )


def _without_coverage(folder: Path, copy: Path) -> Path:
    """Copy a bundle without its coverage, whose tables stand last in the manifest, and return the copy."""
    shutil.copytree(folder, copy)
    manifest = copy / "bundle.toml"
    manifest.write_text(manifest.read_text().partition("\n[coverage]")[0] + "\n")
    seal(copy)
    return copy


def _load(folder: Path, threads: int) -> tuple[ModelBundle, float, float]:
    started = time.perf_counter()
    bundle = load_bundle(folder, threads=threads)
    verified = time.perf_counter()
    bundle.prepare()
    return bundle, verified - started, time.perf_counter() - verified


if __name__ == "__main__":
    main()
