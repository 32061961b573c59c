"""What the imaging core refuses: a type and a sentence each. A bad scan is not an error but a finding."""


class ImagingError(Exception):
    """Base of all refusals; `str()` is a sentence for the person."""


class UnreadableFile(ImagingError):
    """A file that cannot be read as DICOM, or whose pixels cannot be decoded."""


class BadProfile(ImagingError):
    """A de-identification profile that is incomplete or not understood."""


class NotAVolume(ImagingError):
    """Instances that do not make one volume; the sentence says which and why."""


class BadRecord(ImagingError):
    """A header record from outside that no header could have said; the sentence names the field."""


class BadReading(ImagingError):
    """What a browser says it saw in the pixels of a series, where it cannot be so; the sentence says why."""


class BadBundle(ImagingError):
    """A model bundle that is incomplete, altered or not understood."""


class BadSpec(ImagingError):
    """An imaging specification (protocol file) that is not understood."""


class BadManifest(ImagingError):
    """A manifest of training series that is not understood; the sentences name each line and column."""


class BadRecipe(ImagingError):
    """A training recipe that is not understood."""


class BadRun(ImagingError):
    """A run folder that is incomplete, altered, or belongs to another manifest or recipe."""
