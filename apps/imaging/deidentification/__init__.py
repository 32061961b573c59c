"""De-identification by PS3.15 Annex E: one table, one engine here and one in the browser, the same bytes."""

from apps.imaging.deidentification.engine import Change, Deidentified, deidentify
from apps.imaging.deidentification.options import Options
from apps.imaging.deidentification.profile import Profile, make_profile
from apps.imaging.deidentification.residuals import Residual, residuals
from apps.imaging.deidentification.values import shift_date, uid_of

__all__ = [
    "Change",
    "Deidentified",
    "Options",
    "Profile",
    "Residual",
    "deidentify",
    "make_profile",
    "residuals",
    "shift_date",
    "uid_of",
]
