"""The bundle that this installation classifies with."""

from functools import cache
from typing import Any

from django.conf import settings

from apps.imaging.bundle import ModelBundle, load_bundle


@cache
def current_bundle() -> ModelBundle:
    """Return the bundle of `IMAGEQC_BUNDLE`, loaded and verified once per process."""
    return load_bundle(settings.IMAGEQC_BUNDLE, threads=settings.IMAGEQC_THREADS)


def settings_to_keep(bundle: ModelBundle) -> dict[str, Any]:
    """Return what decided a label beside the networks, as it is kept with each: temperature, limits, pictures."""
    return {
        name: {
            "temperature": module.temperature,
            "min_score": module.abstention.min_score,
            "min_planes_agreeing": module.abstention.min_planes_agreeing,
            "max_distance": module.abstention.max_distance,
            "planes": {member.plane: {"picture": member.picture, "sha256": member.sha256} for member in module.members},
        }
        for name, module in bundle.modules.items()
    }
