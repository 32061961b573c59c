"""What the pages of a study show: lists, the plan, progress, one's own readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet

from apps.accounts.permissions import Person
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.reviews.labels import labels_to_choose
from apps.studies.models import Arm, Assignment, Reader, ReadingStudy, StudyScan
from apps.studies.progress import progress_of
from apps.studies.references import MODULES
from apps.studies.schedule import Session, open_session, sessions

SCANS_PER_PAGE = 50


@dataclass(frozen=True)
class StudyRow:
    """A line of the list of studies."""

    study: ReadingStudy
    n_scans: int
    n_readers: int
    n_read: int

    @property
    def n_readings(self) -> int:
        """How many readings make the study complete."""
        return self.n_scans * self.n_readers * len(Arm)


def study_rows(studies: QuerySet[ReadingStudy]) -> list[StudyRow]:
    """Return the studies with how far they are; four queries, however many there are."""
    shown = list(studies.select_related("trial"))
    scans = _per_study(StudyScan.objects.filter(study__in=shown), "study")
    readers = _per_study(Reader.objects.filter(study__in=shown), "study")
    read = _per_study(Assignment.objects.filter(reader__study__in=shown).exclude(reading=None), "reader__study")
    return [StudyRow(study, scans.get(study.pk, 0), readers.get(study.pk, 0), read.get(study.pk, 0)) for study in shown]


def _per_study(rows: QuerySet[Any], study: str) -> Mapping[int, int]:
    counted = rows.order_by().values(study).annotate(n=Count("pk"))
    return {row[study]: row["n"] for row in counted}


@dataclass(frozen=True)
class ReaderRow:
    """One analyst of a study and both sessions."""

    reader: Reader
    sessions: tuple[Session, Session]
    now: datetime

    @property
    def open(self) -> Session | None:
        """The session that may be read now."""
        return open_session(self.sessions, self.now)

    @property
    def opens_later(self) -> Session | None:
        """The session that waits for the washout."""
        return next(
            (one for one in self.sessions if one.running and one.opens_at is not None and one.opens_at > self.now), None
        )

    @property
    def is_finished(self) -> bool:
        return all(session.is_finished for session in self.sessions)


def reader_rows(readers: QuerySet[Reader], now: datetime) -> list[ReaderRow]:
    """Return readers with both sessions; two queries, however many there are."""
    shown = list(readers.select_related("analyst", "study__trial"))
    progress = progress_of(shown)
    return [
        ReaderRow(reader, sessions(reader.study, reader, progress.get(reader.pk, {})), now)
        for reader in shown
        if reader.first_arm
    ]


def own_readings(user: Person, now: datetime) -> list[ReaderRow]:
    """Return the studies in which a person reads, the open ones first."""
    studies = ReadingStudy.objects.read_by(user)
    rows = reader_rows(Reader.objects.filter(study__in=studies, analyst=user.pk).order_by("-study__started_at"), now)
    return sorted(rows, key=lambda row: (row.open is None, row.reader.study.status == ReadingStudy.Status.CLOSED))


@dataclass(frozen=True)
class ChosenScan:
    """A scan of a draft as its lead sees it: with the labels to choose a reference from."""

    scan: StudyScan
    modules: tuple[tuple[str, str, tuple[str, ...], str], ...]
    """Per module its name, the reference label, the labels to choose from, and where the reference comes from."""


def chosen_scans(study: ReadingStudy, page: object) -> Page[ChosenScan]:
    """Return a page of the scans of a draft, those without a reference first."""
    scans = (
        study.scans.select_related(
            "classification", "series__submission__visit__subject__site", "series__submission__visit__visit_type"
        )
        .defer("series__digest")
        .order_by("body_part_source", "contrast_source", "pk")
    )
    shown: Any = Paginator(scans, SCANS_PER_PAGE).get_page(page)  # type: ignore[arg-type]
    shown.object_list = [_chosen(scan) for scan in shown.object_list]
    return shown


def _chosen(scan: StudyScan) -> ChosenScan:
    answers = scan.classification.answers
    return ChosenScan(
        scan,
        tuple(
            (
                module,
                getattr(scan, module),
                labels_to_choose(module, answers[module]),
                getattr(scan, f"get_{module}_source_display")(),
            )
            for module in MODULES
        ),
    )


@dataclass(frozen=True)
class LabelChoice:
    """A label that the reader can give, and the key for it."""

    label: str
    key: str


@dataclass(frozen=True)
class ReadingPage:
    """A scan as its reader sees it: the same in both arms, but for the ensemble's labels."""

    assignment: Assignment
    session: Session
    session_number: int
    pictures: tuple[str, ...]
    body_parts: tuple[LabelChoice, ...]
    contrasts: tuple[LabelChoice, ...]
    answers: tuple[tuple[str, Any, bool], ...]
    """Per module its name, the ensemble's answer and whether it is calibrated; empty in the manual arm."""


def reading_page(assignment: Assignment, of_reader: tuple[Session, Session]) -> ReadingPage:
    """Return what the reader of a scan sees."""
    number = 1 if assignment.arm == of_reader[0].arm else 2
    said = assignment.scan.classification
    aided = assignment.arm == Arm.AI_AIDED
    return ReadingPage(
        assignment=assignment,
        session=of_reader[number - 1],
        session_number=number,
        pictures=SHOWN_PICTURES,
        body_parts=_by_number(labels_to_choose("body_part", said.body_part)),
        contrasts=_by_letter(labels_to_choose("contrast", said.contrast)),
        answers=tuple((module, said.answers[module], said.is_calibrated(module)) for module in MODULES)
        if aided
        else (),
    )


def _by_number(labels: tuple[str, ...]) -> tuple[LabelChoice, ...]:
    """Give the first nine labels the keys 1 to 9."""
    return tuple(LabelChoice(label, str(place) if place <= 9 else "") for place, label in enumerate(labels, start=1))


def _by_letter(labels: tuple[str, ...]) -> tuple[LabelChoice, ...]:
    """Give each label its first letter that no label before it has: e for enhanced, n for non-contrast."""
    taken: set[str] = set()
    choices = []
    for label in labels:
        key = next((letter for letter in label if letter.isalpha() and letter not in taken), "")
        taken.add(key)
        choices.append(LabelChoice(label, key))
    return tuple(choices)
