"""The bundle that this installation classifies with."""

from functools import cache

from django.conf import settings

from apps.imaging.bundle import ModelBundle, load_bundle


@cache
def current_bundle() -> ModelBundle:
    """Return the bundle of `IMAGEQC_BUNDLE`, loaded and verified once per process."""
    return load_bundle(settings.IMAGEQC_BUNDLE, threads=settings.IMAGEQC_THREADS)
