"""`python -m benchmarks.ensemble`: six classifiers on one series, warm, and the time to load and verify them."""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from apps.imaging.bundle import ModelBundle, load_bundle
from apps.imaging.vocabulary import PICTURES

BUNDLES = Path(__file__).parents[1] / "models"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ensemble", description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path, default=BUNDLES / "imageqc-lite" / "0.1.0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    loaded, verified, first = _load(arguments.bundle, arguments.threads)
    pictures = {
        name: np.random.default_rng(index).integers(0, 256, (512, 512), dtype=np.uint8)
        for index, name in enumerate(PICTURES)
    }
    seconds = [loaded.classify(pictures).seconds for _ in range(arguments.repeats + 5)][5:]
    low, middle, high = statistics.quantiles(seconds, n=4)
    print(f"{loaded.name} {loaded.version}, {loaded.device}")
    print(f"verify the bundle {1000 * verified:.0f} ms, make six sessions {1000 * first:.0f} ms")
    print(
        f"six classifiers on one series: median {1000 * middle:.1f} ms "
        f"(quartiles {1000 * low:.1f} to {1000 * high:.1f}, worst {1000 * max(seconds):.1f}, n = {len(seconds)})"
    )


def _load(folder: Path, threads: int) -> tuple[ModelBundle, float, float]:
    started = time.perf_counter()
    bundle = load_bundle(folder, threads=threads)
    verified = time.perf_counter()
    bundle.prepare()
    return bundle, verified - started, time.perf_counter() - verified


if __name__ == "__main__":
    main()
