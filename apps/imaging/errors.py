"""What the imaging core refuses: a type and a sentence each. A bad scan is not an error but a finding."""


class ImagingError(Exception):
    """Base of all refusals; `str()` is a sentence for the person."""


class UnreadableFile(ImagingError):
    """A file that cannot be read as DICOM, or whose pixels cannot be decoded."""


class NotAVolume(ImagingError):
    """Instances that do not make one volume; the sentence says which and why."""


class BadBundle(ImagingError):
    """A model bundle that is incomplete, altered or not understood."""


class BadSpec(ImagingError):
    """An imaging specification (protocol file) that is not understood."""
