"""An anatomically plausible CT phantom: an imaginary person per seed, scanned and written as DICOM.

For the demonstration, for tests, and to widen training; nothing in it comes from a patient.
"""

from apps.imaging.phantom.dicom import Examination, Mistakes, Patient, thickened, write_series
from apps.imaging.phantom.scan import REGIONS, make_phantom

__all__ = ["REGIONS", "Examination", "Mistakes", "Patient", "make_phantom", "thickened", "write_series"]
