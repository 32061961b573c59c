"""Lots drawn for a case before anybody can open it: hidden labels, a wrong label on purpose, a second review."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any

from apps.imageqc.models import Classification, SlotMatch
from apps.imaging.vocabulary import BODY_PARTS
from apps.reviews.models import ReviewCase, ReviewPolicy

CHANCE: Random = SystemRandom()
"""Where lots come from: the operating system, so that nobody can tell the next one from those before."""

BY_LOT = "lot"
"""Why a second review is due where no listed finding asks for it."""

NON_CONTRAST = "non_contrast"


@dataclass(frozen=True)
class WrongLabel:
    """A label to show on purpose in the place of the one that the ensemble gave."""

    series: int
    module: str
    label: str

    def to_json(self) -> dict[str, Any]:
        """Return what `ReviewCase.seeded` keeps."""
        return {"series": self.series, "module": self.module, "label": self.label}


@dataclass(frozen=True)
class Draw:
    """What the lots of one case said."""

    arm: str
    seeded: dict[str, Any] | None
    second_review: tuple[str, ...]
    """Why a second review is due: codes of listed findings, or BY_LOT; empty where none is."""


def draw(
    policy: ReviewPolicy, wrong_labels: Sequence[WrongLabel], codes: Iterable[str], chance: Random | None = None
) -> Draw:
    """Draw the lots of a case whose rules found `codes` and which could show any of `wrong_labels`.

    A case without AI labels shows no wrong one. Each lot is drawn in any case, so that one never tells of another.
    """
    chance = chance or CHANCE
    hidden, seeded, second = (chance.random() for _ in range(3))
    arm = ReviewCase.Arm.HIDDEN if hidden < policy.hidden_share else ReviewCase.Arm.SHOWN
    wrong = None
    if arm == ReviewCase.Arm.SHOWN and wrong_labels and seeded < policy.seeded_share:
        wrong = chance.choice(wrong_labels).to_json()
    listed = tuple(sorted(set(codes) & set(policy.second_review_findings)))
    by_lot = (BY_LOT,) if second < policy.second_review_share else ()
    return Draw(arm, wrong, listed or by_lot)


def wrong_labels_for(slots: Iterable[SlotMatch]) -> list[WrongLabel]:
    """Return every wrong label that could be shown: of a series in a slot, where the ensemble answered."""
    found = [
        WrongLabel(slot.series.pk, module, label)
        for slot in slots
        if slot.series and (said := Classification.latest_of(slot.series))
        for module, answer in said.answers.items()
        for label in _mistakable_for(module, answer)
    ]
    return list(dict.fromkeys(found))  # a series may stand in two slots


def _mistakable_for(module: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the labels that somebody could take for the one that was given: what lies beside it in the body, or the
    other state of contrast. Only labels that the bundle can give, and none where it gave none."""
    said, known = answer["label"], answer["scores"]
    if module == "body_part" and said in BODY_PARTS:
        place = BODY_PARTS.index(said)
        near = (BODY_PARTS[other] for other in (place - 1, place + 1) if 0 <= other < len(BODY_PARTS))
        yield from (label for label in near if label in known)
    elif module == "contrast" and said:
        without = said == NON_CONTRAST
        yield from (label for label in known if label != said and (without or label == NON_CONTRAST))
