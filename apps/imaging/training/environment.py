"""What a run was trained with: written beside its results, so that they can be made again."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "imagecodecs", "pydicom", "timm")


def describe_environment(
    device: str, precision: str, threads: int, packages: Sequence[str] = PACKAGES
) -> dict[str, object]:
    """Return Python, system, packages and device as plain values."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "device": device,
        "precision": precision,
        "packages": {name: installed for name in packages if (installed := _installed(name))},
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
