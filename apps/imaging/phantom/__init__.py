"""An anatomically plausible CT phantom: an imaginary person per seed, scanned and written as DICOM.

For the demonstration, for tests, and to widen training; nothing in it comes from a patient.
"""

from apps.imaging.phantom.scan import REGIONS, make_phantom

__all__ = ["REGIONS", "make_phantom"]
