"""Rules for one series alone, whatever slot it may fill."""

from apps.imaging.digest import SeriesDigest
from apps.imaging.ensemble import Classification
from apps.imaging.findings import Finding
from apps.imaging.rules import catalogue
from apps.imaging.rules.header import contradicts, header_body_parts, header_contrast, texts
from apps.imaging.vocabulary import body_part_name, contrast_words

SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
"""SOP classes of secondary capture images, multi-frame ones included, begin with this (PS3.4 Annex B.5)."""

SCREEN_WORDS = frozenset({"SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE", "DOSE", "DOSE_INFO", "REPORT"})
"""ImageType values of pictures of a screen or of a dose report."""

REFORMATTED_WORDS = frozenset(
    (
        *("MPR", "MIP", "MINIP", "MAX_IP", "MIN_IP", "AVERAGE", "PROJECTION IMAGE", "CSA MPR", "CSAPARALLEL"),
        *(
            "VRT",
            "VOLREND",
            "SSD",
            "3D",
            "3D RENDERING",
            "RGB",
            "FUSION",
            "FUSED",
            "SUBTRACTION",
            "REFORMATTED",
        ),
    )
)
"""ImageType values of images computed from a scan (PS3.3 C.8.2.1.1.1 and what scanners write beyond it)."""

MODALITY_WORDS = {
    "MR": "an MR series",
    "PT": "a PET series",
    "NM": "a nuclear medicine series",
    "US": "an ultrasound",
    "SR": "a structured report",
    "DOC": "a document",
    "PR": "a presentation state",
    "KO": "a list of key images",
    "SEG": "a segmentation",
    "RTSTRUCT": "a set of contours",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
    "CR": "a radiograph",
    "DX": "a radiograph",
    "XA": "an angiogram",
    "OT": 'a series of the kind "other"',
}


def check_series_rules(
    digest: SeriesDigest, classification: Classification | None = None, *, allow_derived: bool = False
) -> tuple[Finding, ...]:
    """Return the findings that hold for a series in any slot; those of reading stand in `digest.findings`.

    Where a classification is given, header tags that contradict the pictures are told, for information only.
    """
    never = _not_the_scan(digest)
    if never is not None:
        return (never,)
    findings = [] if allow_derived else _computed_images(digest)
    if any(text.upper() == "YES" for text in texts(digest.header.get("BurnedInAnnotation"))):
        findings.append(catalogue.BURNED_IN.found("YES", where="BurnedInAnnotation (0028,0301)"))
    if 1 < digest.geometry.slices < catalogue.MIN_SLICES:
        findings.append(catalogue.FEW_SLICES.found(f"{digest.geometry.slices} slices"))
    if classification is not None:
        findings += _header_against_pictures(digest, classification)
    return tuple(findings)


def is_scan(digest: SeriesDigest) -> bool:
    """Return whether a series is a CT scan: no other modality, no localizer, no pictures of a screen."""
    return _not_the_scan(digest) is None


def why_never_a_slot(digest: SeriesDigest, classification: Classification | None = None) -> str:
    """Return why this series cannot stand for a CT that a protocol asks for, in words; empty when it can."""
    never = _not_the_scan(digest)
    if never is not None:
        return {
            catalogue.NOT_CT.code: f"it is {never.found}, not CT",
            catalogue.LOCALIZER.code: "it is a localizer (scout picture)",
            catalogue.SECONDARY_CAPTURE.code: "it holds pictures of a screen or of a report",
        }[never.code]
    if not digest.geometry.slices:
        return "its files do not make a scan"
    if classification is None or not classification.body_part.is_out_of_scope:
        return ""
    if classification.coverage is None or not classification.coverage.answered:
        return "it looks like none of the body parts from head to pelvis"
    return ""


def _not_the_scan(digest: SeriesDigest) -> Finding | None:
    """Return the finding of a series that is no CT scan at all, None when it is one."""
    if digest.modality != "CT":
        return catalogue.NOT_CT.found(modality_words(digest.modality), where="Modality (0008,0060)")
    image_type = _image_type(digest)
    if "LOCALIZER" in image_type:
        return catalogue.LOCALIZER.found("LOCALIZER", where="ImageType (0008,0008)")
    if any(text.startswith(SECONDARY_CAPTURE_CLASSES) for text in texts(digest.header.get("SOPClassUID"))):
        return catalogue.SECONDARY_CAPTURE.found("secondary capture", where="SOPClassUID (0008,0016)")
    shown = [word for word in image_type if word in SCREEN_WORDS]
    if shown:
        return catalogue.SECONDARY_CAPTURE.found(shown[0].lower(), where="ImageType (0008,0008)")
    return None


def _computed_images(digest: SeriesDigest) -> list[Finding]:
    """Return what ImageType says of images that are computed from the scan or marked as derived."""
    image_type = _image_type(digest)
    computed = [word for word in image_type if word in REFORMATTED_WORDS]
    if computed:
        return [catalogue.REFORMATTED.found(computed[0], where="ImageType (0008,0008)")]
    if image_type[:1] == ("DERIVED",):
        return [catalogue.DERIVED.found("DERIVED", where="ImageType (0008,0008)")]
    return []


def _header_against_pictures(digest: SeriesDigest, classification: Classification) -> list[Finding]:
    """Return the tags that say something else than the pictures."""
    findings = []
    said = header_body_parts(digest)
    shown = classification.body_part.label
    if said is not None and shown is not None and contradicts(said, shown):
        findings.append(
            catalogue.BODY_PART_HEADER.found(
                said[0], expected=body_part_words(shown), where="BodyPartExamined (0018,0015)"
            )
        )
    agent = header_contrast(digest)
    if agent is not None and classification.contrast.label == "non_contrast":
        findings.append(
            catalogue.CONTRAST_HEADER.found(
                agent, expected=contrast_words("non_contrast"), where="ContrastBolusAgent (0018,0010)"
            )
        )
    return findings


def modality_words(modality: str) -> str:
    """Return a modality in words: "an MR series"."""
    if not modality:
        return "a series without a modality in its header"
    return MODALITY_WORDS.get(modality, f"a series of modality {modality}")


def body_part_words(body_part: str) -> str:
    """Return a body part as in a sentence: "the abdomen and pelvis"."""
    return f"the {body_part_name(body_part)}"


def _image_type(digest: SeriesDigest) -> tuple[str, ...]:
    return tuple(text.upper() for text in texts(digest.header.get("ImageType")))
