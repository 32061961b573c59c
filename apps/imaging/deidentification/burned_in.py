"""Signs that there is writing in the picture itself, where no header rule reaches."""

from collections.abc import Iterable, Iterator, Mapping

from apps.imaging.deidentification.dataset import DataSet, Element

OTHER_OBJECTS: Mapping[str, str] = {
    "1.2.840.10008.5.1.4.1.1.7": "a secondary capture",
    "1.2.840.10008.5.1.4.1.1.104": "a document in a DICOM file",
    "1.2.840.10008.5.1.4.1.1.88": "a report",
    "1.2.840.10008.5.1.4.1.1.11": "a presentation state",
    "1.2.840.10008.5.1.4.1.1.6": "an ultrasound image",
    "1.2.840.10008.5.1.4.1.1.3": "an ultrasound image",
    "1.2.840.10008.5.1.4.1.1.77": "a photograph or a video",
    "1.2.840.10008.5.1.4.1.1.9": "a recorded curve or sound",
    "1.2.840.10008.5.1.4.1.1.66": "raw data or marked regions",
}
"""Beginning of a SOP class -> what its objects are: writing in them is usual, or they are no image at all."""

CAPTURES = frozenset(("WSD", "SD", "SI", "DRW", "DV"))
"""Conversion types of screens, films, drawings and videos (0008,0064)."""

SCREENS = ("SCREEN SAVE", "SCREENSAVE", "SCREENSHOT", "SCREEN_SAVE", "CAPTURE", "DOSE", "REPORT", " PROT", "PROTOCOL")
"""Words in ImageType that scanners give to pictures of their screens, dose tables and protocols."""

COLOURS = ("RGB", "PALETTE", "YBR", "ARGB", "CMYK", "HSV")

BURNED_IN = "says that there is writing in the picture"
CAPTURED = "says that the picture is a copy of a screen, a film or a drawing"
SCREEN = "says that the picture shows a screen, a table or a protocol"
COLOURED = "says that the picture has colours, which CT has not: such pictures carry writing"


def overlay_in_pixels(elements: Iterable[Element], content: bytes) -> str:
    """Return why an object cannot be de-identified whose overlay lies in spare bits of the pixels, empty if none does.

    Such overlays (PS3.3 section C.9.2, retired in 2004) have a bit position and no data of their own.
    """
    groups: dict[int, set[int]] = {}
    for element in elements:
        group = element.tag >> 16
        if 0x6000 <= group <= 0x60FF and not group % 2:
            numbers = groups.setdefault(group, set())
            number = element.tag & 0xFFFF
            if number != 0x0102 or any(content[element.value_at : element.end]):
                numbers.add(number)
    if any(0x0102 in numbers and 0x3000 not in numbers for numbers in groups.values()):
        return "holds an overlay among its pixels, which cannot be taken out; export the series again without overlays"
    return ""


SOP_CLASS, IMAGE_TYPE, CONVERSION_TYPE = 0x00080016, 0x00080008, 0x00080064
PHOTOMETRIC, BURNED_IN_ANNOTATION = 0x00280004, 0x00280301


def signs(data_set: DataSet, sop_class: str) -> Iterator[tuple[int, str]]:
    """Yield (tag, why) of each sign of writing in the picture; a plain CT slice or reformat has none."""
    for beginning, kind in OTHER_OBJECTS.items():
        if sop_class == beginning or sop_class.startswith(beginning + "."):
            yield SOP_CLASS, f"is {kind}, in which writing is usual"
    said = {
        element.tag: data_set.content[element.value_at : element.end].decode("latin-1").upper().strip(" \0")
        for element in data_set.elements
        if element.tag in (IMAGE_TYPE, CONVERSION_TYPE, PHOTOMETRIC, BURNED_IN_ANNOTATION)
    }
    if said.get(BURNED_IN_ANNOTATION) == "YES":
        yield BURNED_IN_ANNOTATION, BURNED_IN
    if said.get(CONVERSION_TYPE) in CAPTURES:
        yield CONVERSION_TYPE, CAPTURED
    if any(word in value for word in SCREENS for value in said.get(IMAGE_TYPE, "").split("\\")):
        yield IMAGE_TYPE, SCREEN
    if said.get(PHOTOMETRIC, "").startswith(COLOURS):
        yield PHOTOMETRIC, COLOURED
