"""What a header says of body part and contrast: evidence, never truth (wrong in about 15 %)."""

import re
from collections.abc import Iterable

from apps.imaging.digest import HeaderFact, SeriesDigest
from apps.imaging.vocabulary import BODY_PARTS

_TRUNK = frozenset({"chest", "abdomen", "abdomen_pelvis"})
_SPINE = "spine"
_EXTREMITY = "extremity"
_WHOLE_BODY = "whole_body"

BODY_PART_TERMS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("HEAD", "BRAIN", "SKULL", "CRANIUM", "ORBIT", "SINUS", "FACE", "IAC"), frozenset({"brain"})),
    **dict.fromkeys(("HEADNECK", "HEADANDNECK"), frozenset({"brain", "neck"})),
    **dict.fromkeys(("NECK", "LARYNX", "PHARYNX", "THYROID"), frozenset({"neck"})),
    **dict.fromkeys(("CSPINE", "CERVICALSPINE"), frozenset({"neck", _SPINE})),
    **dict.fromkeys(("NECKCHEST",), frozenset({"neck", "chest"})),
    **dict.fromkeys(("NECKCHESTABDOMEN", "NECKCHESTABDPELV", "NECKCHESTABDPELVIS"), _TRUNK | {"neck"}),
    **dict.fromkeys(
        ("CHEST", "THORAX", "LUNG", "LUNGS", "HEART", "MEDIASTINUM", "BREAST", "RIB"),
        frozenset({"chest"}),
    ),
    **dict.fromkeys(("TSPINE",), frozenset({"chest", _SPINE})),
    **dict.fromkeys(("LSPINE",), frozenset({"abdomen", "abdomen_pelvis", _SPINE})),
    **dict.fromkeys(("SPINE",), frozenset({*_TRUNK, "neck", _SPINE})),
    **dict.fromkeys(("CHESTABDOMEN", "CHESTABDPELVIS", "CHESTABDPELV", "CHESTABDOMENPELVIS", "CAP", "AORTA"), _TRUNK),
    **dict.fromkeys(
        (
            *("ABDOMEN", "LIVER", "KIDNEY", "PANCREAS", "SPLEEN", "STOMACH", "COLON", "ADRENAL"),
            *("ABDOMENPELVIS", "ABDOMENANDPELVIS", "ABDPELVIS", "ABDPELV", "AP", "KUB", "BOWEL"),
        ),
        frozenset({"abdomen", "abdomen_pelvis"}),
    ),
    **dict.fromkeys(("PELVIS", "BLADDER", "PROSTATE", "UTERUS", "RECTUM"), frozenset({"abdomen_pelvis"})),
    **dict.fromkeys(("WHOLEBODY", "BODY", "TRUNK"), frozenset({*BODY_PARTS, _WHOLE_BODY})),
    **dict.fromkeys(
        (
            "EXTREMITY",
            "ARM",
            "LEG",
            "HAND",
            "WRIST",
            "ELBOW",
            "SHOULDER",
            "KNEE",
            "ANKLE",
            "FOOT",
            "FEMUR",
            "HIP",
        ),
        frozenset({_EXTREMITY}),
    ),
}
"""Terms of BodyPartExamined (PS3.16 Annex L and beyond, letters only) -> the body parts they can mean.

Beside the published classes they name the spine, a limb and the whole body, which a lab's own bundle may know."""

_KNOWN = frozenset().union(*BODY_PART_TERMS.values())

NO_AGENT = frozenset({"", "NO", "NONE", "N", "NA", "WITHOUT", "NONCONTRAST", "NOCONTRAST", "WO", "ORAL", "PO", "WATER"})
"""What is written into ContrastBolusAgent when nothing was injected; letters only."""


def texts(fact: HeaderFact | None) -> tuple[str, ...]:
    """Return the values of one header fact as texts, an absent or empty one as no text at all."""
    values: Iterable[object] = fact if isinstance(fact, list) else () if fact is None else (fact,)
    return tuple(text for text in (str(value).strip() for value in values) if text)


def number(fact: HeaderFact | None) -> float | None:
    """Return the first value of one header fact as a number above 0, None when it says none."""
    for text in texts(fact):
        try:
            value = float(text)
        except ValueError:
            continue
        if 0 < value < float("inf"):
            return value
    return None


def header_body_parts(digest: SeriesDigest) -> tuple[str, frozenset[str]] | None:
    """Return what BodyPartExamined says and the body parts it can mean; None when it cannot be mapped."""
    for text in texts(digest.header.get("BodyPartExamined")):
        term = _letters(text)
        if term in BODY_PART_TERMS:
            return text, BODY_PART_TERMS[term]
    return None


def contradicts(said: tuple[str, frozenset[str]], shown: str) -> bool:
    """Return whether a header's term speaks against a label; of a class that no term can mean it says nothing."""
    return shown in _KNOWN and shown not in said[1]


def header_contrast(digest: SeriesDigest) -> str | None:
    """Return the words that speak for an injection of contrast medium, None when no tag does.

    An empty or missing tag is no evidence of a scan without contrast, so there is no answer "without".
    """
    agents = texts(digest.header.get("ContrastBolusAgent"))
    routes = texts(digest.header.get("ContrastBolusRoute"))
    if any(_injected(route) for route in routes):
        return " ".join((*agents, *routes))
    if routes:
        return None
    if any(_letters(agent) not in NO_AGENT for agent in agents):
        return " ".join(agents)
    volume = number(digest.header.get("ContrastBolusVolume"))
    return None if volume is None or agents else f"{volume:g} ml"


def _injected(route: str) -> bool:
    words = re.split(r"[^A-Z]+", route.upper().replace("I.V.", "IV"))
    return bool({"IV", "INTRAVENOUS", "INTRAVENOUSLY", "VENOUS"} & set(words))


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text.upper())
