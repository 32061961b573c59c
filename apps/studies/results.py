"""What a study shows, computed from the readings that are kept: nothing of it is stored."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models.fields.json import KeyTextTransform

from apps.imaging.training.evaluate.statistics import wilson
from apps.studies.models import Arm, Reading, ReadingStudy
from apps.studies.statistics import Paired, paired, saved
from apps.ui.formats import NARROW, NOTHING

FEWEST_ANALYSTS = 3
"""For a test over analysts: with two it can say next to nothing."""


@dataclass(frozen=True)
class Labels:
    """A body part and a contrast; empty where the ensemble did not answer."""

    body_part: str
    contrast: str


@dataclass(frozen=True)
class ReadScan:
    """One reading with what it is compared with. `scan` is the scan's number in the study, from 1."""

    scan: int
    reader: int
    """Primary key: two analysts may have the same name."""
    analyst: str
    arm: str
    seconds: float
    given: Labels
    reference: Labels
    ensemble: Labels


@dataclass(frozen=True)
class Accuracy:
    """How many of n were right, with the Wilson 95 % interval of the share."""

    right: int
    n: int

    @property
    def share(self) -> float | None:
        return self.right / self.n if self.n else None

    @cached_property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.n)


@dataclass(frozen=True)
class LabelAccuracy:
    """Accuracy of the body part, of the contrast, and of both together."""

    body_part: Accuracy
    contrast: Accuracy
    both: Accuracy


@dataclass(frozen=True)
class Reliance:
    """What an analyst made of scans on which the ensemble gave a wrong label."""

    n: int
    put_right: int
    followed: int


@dataclass(frozen=True)
class AnalystResult:
    """One analyst: time over the scans read in both arms, accuracy of each arm over all that was read in it."""

    analyst: str
    pairs: tuple[tuple[int, float, float], ...]
    """Scan number, manual seconds, AI-aided seconds."""
    accuracy: dict[str, LabelAccuracy]
    reliance: Reliance

    @property
    def manual_seconds(self) -> float:
        return math.fsum(manual for _, manual, _ in self.pairs)

    @property
    def aided_seconds(self) -> float:
        return math.fsum(aided for _, _, aided in self.pairs)

    @property
    def manual_minutes(self) -> float:
        return self.manual_seconds / 60

    @property
    def aided_minutes(self) -> float:
        return self.aided_seconds / 60

    @property
    def saved(self) -> float | None:
        """Share of the manual time."""
        return saved(self.manual_seconds, self.aided_seconds)

    @property
    def saved_words(self) -> str:
        """The saved share with one decimal, as the paper gives it."""
        return _share_words(self.saved)

    @property
    def remaining_words(self) -> str:
        """The share of the manual time that the AI-aided reading took."""
        return _share_words(None if self.saved is None else 1 - self.saved)

    @property
    def minutes_words(self) -> str:
        """Both times in a line."""
        if not self.pairs:
            return "nothing read in both arms yet"
        return f"saved: {self.manual_minutes:.1f} to {self.aided_minutes:.1f} min"

    @cached_property
    def test(self) -> Paired | None:
        """Over scans."""
        return paired([manual for _, manual, _ in self.pairs], [aided for _, _, aided in self.pairs])


@dataclass(frozen=True)
class StudyResult:
    """All analysts and what they have in common."""

    analysts: tuple[AnalystResult, ...]
    ensemble: LabelAccuracy
    """The ensemble alone on the same scans; where it did not answer it was not right."""

    @cached_property
    def common_pairs(self) -> list[tuple[float, float]]:
        """Per scan that every analyst read in both arms: the mean seconds over analysts, manual and AI-aided."""
        per_scan: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for analyst in self.analysts:
            for scan, manual, aided in analyst.pairs:
                per_scan[scan].append((manual, aided))
        complete = [times for _, times in sorted(per_scan.items()) if len(times) == len(self.analysts)]
        return [
            (math.fsum(manual for manual, _ in times) / len(times), math.fsum(aided for _, aided in times) / len(times))
            for times in complete
        ]

    @cached_property
    def over_scans(self) -> Paired | None:
        """All analysts together; a pair is a scan, its times the means over the analysts."""
        return paired([manual for manual, _ in self.common_pairs], [aided for _, aided in self.common_pairs])

    @cached_property
    def over_analysts(self) -> Paired | None:
        """A pair is an analyst, the times their means per scan; None with fewer than three analysts."""
        timed = [analyst for analyst in self.analysts if analyst.pairs]
        if len(timed) < FEWEST_ANALYSTS:
            return None
        return paired(
            [analyst.manual_seconds / len(analyst.pairs) for analyst in timed],
            [analyst.aided_seconds / len(analyst.pairs) for analyst in timed],
        )

    @property
    def saved(self) -> float | None:
        """Share of the manual time over all pairs of all analysts."""
        return saved(
            math.fsum(analyst.manual_seconds for analyst in self.analysts),
            math.fsum(analyst.aided_seconds for analyst in self.analysts),
        )

    @property
    def saved_words(self) -> str:
        """The saved share with one decimal."""
        return _share_words(self.saved)


def _share_words(share: float | None) -> str:
    return NOTHING if share is None else f"{share * 100:.1f}{NARROW}%"


def result(readings: Sequence[ReadScan]) -> StudyResult:
    """Compute the result of a study from its readings; analysts stand in the order of their first one here."""
    by_reader: dict[int, list[ReadScan]] = defaultdict(list)
    for reading in readings:
        by_reader[reading.reader].append(reading)
    scans = {reading.scan: reading for reading in readings}.values()
    return StudyResult(
        analysts=tuple(_analyst(own[0].analyst, own) for own in by_reader.values()),
        ensemble=_accuracy((scan.ensemble, scan.reference) for scan in scans),
    )


def _analyst(analyst: str, readings: Sequence[ReadScan]) -> AnalystResult:
    arms = {arm: {one.scan: one for one in readings if one.arm == arm} for arm in Arm.values}
    manual, aided = arms[Arm.MANUAL], arms[Arm.AI_AIDED]
    return AnalystResult(
        analyst=analyst,
        pairs=tuple((scan, manual[scan].seconds, aided[scan].seconds) for scan in sorted(manual.keys() & aided.keys())),
        accuracy={arm: _accuracy((one.given, one.reference) for one in arms[arm].values()) for arm in Arm.values},
        reliance=_reliance(aided.values()),
    )


def _accuracy(answers: Iterable[tuple[Labels, Labels]]) -> LabelAccuracy:
    pairs = list(answers)
    body_part = [given.body_part == right.body_part for given, right in pairs]
    contrast = [given.contrast == right.contrast for given, right in pairs]
    return LabelAccuracy(
        body_part=Accuracy(sum(body_part), len(pairs)),
        contrast=Accuracy(sum(contrast), len(pairs)),
        both=Accuracy(sum(first and second for first, second in zip(body_part, contrast, strict=True)), len(pairs)),
    )


def _reliance(aided: Iterable[ReadScan]) -> Reliance:
    """Count labels, not scans: an ensemble may be wrong in one module and right in the other."""
    wrong = [
        (given, right, said)
        for one in aided
        for given, right, said in (
            (one.given.body_part, one.reference.body_part, one.ensemble.body_part),
            (one.given.contrast, one.reference.contrast, one.ensemble.contrast),
        )
        if said and said != right
    ]
    return Reliance(
        n=len(wrong),
        put_right=sum(given == right for given, right, _ in wrong),
        followed=sum(given == said for given, _, said in wrong),
    )


@dataclass(frozen=True)
class ComparedScan:
    """A scan's number in the study, from 1, and both labels that readings are held against."""

    number: int
    reference: Labels
    ensemble: Labels


def readings_of(study: ReadingStudy) -> list[tuple[Reading, ReadScan]]:
    """Return every reading of a study with what it is compared with, by analyst, arm and place; two queries."""
    scans = _compared_scans(study)
    kept = (
        Reading.objects.filter(assignment__reader__study=study)
        .select_related("assignment__reader__analyst")
        .order_by("assignment__reader", "assignment__arm", "assignment__place")
    )
    return [(reading, _read_scan(reading, scans[reading.assignment.scan_id])) for reading in kept]


def _compared_scans(study: ReadingStudy) -> dict[int, ComparedScan]:
    """Take the labels alone: a classification holds all its scores and maps beside them."""
    # KT would take the relation in front for a key of the JSON.
    rows = study.scans.order_by("pk").values_list(
        "pk",
        "body_part",
        "contrast",
        KeyTextTransform("label", "classification__body_part"),
        KeyTextTransform("label", "classification__contrast"),
    )
    return {
        pk: ComparedScan(number, Labels(body_part, contrast), Labels(ai_body_part or "", ai_contrast or ""))
        for number, (pk, body_part, contrast, ai_body_part, ai_contrast) in enumerate(rows, start=1)
    }


def _read_scan(reading: Reading, scan: ComparedScan) -> ReadScan:
    assignment = reading.assignment
    return ReadScan(
        scan=scan.number,
        reader=assignment.reader_id,
        analyst=str(assignment.reader.analyst),
        arm=assignment.arm,
        seconds=reading.active_seconds,
        given=Labels(reading.body_part, reading.contrast),
        reference=scan.reference,
        ensemble=scan.ensemble,
    )
