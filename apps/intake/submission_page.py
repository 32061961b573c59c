"""All that the page of a visit shows of a submission, gathered in a constant number of queries.

Labels, findings, slots and the decision belong to apps above this one; they are read through the relations.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Prefetch
from django.urls import reverse

from apps.accounts.permissions import Person
from apps.audit.lifecycle import Refused
from apps.imaging.coverage import CoverageAnswer
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.blinding import labels_are_hidden_beside_the_desk
from apps.intake.history import Happened, history
from apps.intake.left_out import LeftOut, left_out
from apps.intake.models import Declaration, ReceivedFile, Series, Submission
from apps.intake.permissions import may_send_for
from apps.intake.scan_days import day_words, shift_of
from apps.intake.selectors import window_words
from apps.intake.way_here import OnTheWay, addresses, on_the_way
from apps.protocols.models import RequiredSeries
from apps.protocols.services import protocol_on
from apps.trials.models import Visit

HEADER_FACTS = (
    ("SliceThickness", "Thickness", " mm"),
    ("ConvolutionKernel", "Kernel", ""),
    ("KVP", "Tube voltage", " kV"),
    ("ReconstructionDiameter", "Field of view", " mm"),
    ("ContrastBolusAgent", "Contrast (header)", ""),
    ("BodyPartExamined", "Body part (header)", ""),
    ("Manufacturer", "Scanner", ""),
    ("ManufacturerModelName", "Model", ""),
)


SERIES_NAMED = 3
"""Series named at the top of the page, where none of them fits."""


@dataclass(frozen=True)
class Picture:
    name: str
    url: str


@dataclass(frozen=True)
class SeriesCard:
    """One series as its card shows it."""

    series: Series
    body_part: dict[str, Any] | None
    contrast: dict[str, Any] | None
    pictures: tuple[Picture, ...]
    facts: tuple[tuple[str, Any], ...]
    stands_for: str
    labels_hidden: bool = False

    @property
    def findings(self) -> list[dict[str, str]]:
        """What was found; of a series that stands for nothing it is told, and keeps nothing from anything."""
        if self.labels_hidden:
            return []
        told = ("sentence", "expected", "found", "where")
        return [
            {
                "severity": "info" if self.series.unused_because else finding.severity,
                **{name: getattr(finding, name) for name in told},
            }
            for finding in self.series.findings.all()
        ]

    @property
    def declared(self) -> Declaration | None:
        """What the site said last that it is."""
        return max(self.series.declarations.all(), key=lambda said: said.pk, default=None)

    @property
    def picture(self) -> Picture | None:
        """The one that shows the body at a glance: the coronal MIP."""
        return next((picture for picture in self.pictures if picture.name == "mip_coronal"), None)


@dataclass(frozen=True)
class SlotCard:
    """One required series, what fills it, and what may be done about it."""

    match: Any
    card: SeriesCard | None
    choices: tuple[Series, ...]
    findings: tuple[dict[str, str], ...]

    @property
    def sentence(self) -> str:
        """The sentence of the board without the name of the slot, which stands above it."""
        rest = self.match.sentence.removeprefix(self.match.required.spec.title)
        rest = rest.removeprefix(" is missing").removeprefix(" is not here").lstrip(":;. ")
        return rest[:1].upper() + rest[1:]

    @property
    def chosen(self) -> bool:
        """Whether the coordinator said so, and can take it back."""
        chosen = self.card.series.chosen_slots.all() if self.card else ()
        return any(required.pk == self.match.required_id for required in chosen)


@dataclass(frozen=True)
class SubmissionPage:
    submission: Submission
    may_edit: bool
    series: tuple[SeriesCard, ...]
    slots: tuple[SlotCard, ...]
    files: dict[str, int]
    left_out: tuple[LeftOut, ...]
    on_the_way: OnTheWay | None
    """How far the images have come, while they are being sent."""
    labels_hidden: bool = False
    """Whether the reader may see nothing that comes from the AI's labels now."""

    @property
    def is_working(self) -> bool:
        """Whether something goes on by itself, so that the page asks again."""
        return self.submission.status in (Submission.Status.CHECKING, Submission.Status.SENDING)

    @property
    def is_sending(self) -> bool:
        return self.submission.status == Submission.Status.SENDING

    @property
    def checked_at_site(self) -> bool:
        """Whether images still lie on the coordinator's computer: a transfer has to send them from there."""
        return any(card.series.origin == Series.Origin.SITE for card in self.series)

    @property
    def is_open(self) -> bool:
        """Whether the coordinator may still add files, transfer or withdraw."""
        return self.submission.status in Submission.BEFORE_TRANSFER

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has been checked yet."""
        return self.submission.status == Submission.Status.DRAFT

    @property
    def files_total(self) -> int:
        """Files that arrived; an unpacked archive counts by its members."""
        return sum(number for status, number in self.files.items() if status != ReceivedFile.Status.UNPACKED)

    @property
    def files_waiting(self) -> int:
        """Files that arrived and wait for somebody to start the check."""
        return 0 if self.is_working else self.files.get(ReceivedFile.Status.STORED, 0)

    @property
    def files_left_out(self) -> int:
        return sum(group.total for group in self.left_out)

    @property
    def series_done(self) -> int:
        return sum(card.series.status not in Series.UNFINISHED for card in self.series)

    @property
    def unsure(self) -> int:
        """How many slots ask for a look without blocking."""
        return sum(slot.match.state == "problem" for slot in self.slots)

    @property
    def fits_nowhere(self) -> tuple[Series, ...]:
        """The series at hand, where none of them stands for anything: what they are is the first thing to say."""
        if any(slot.card for slot in self.slots):
            return ()
        return tuple(card.series for card in self.series if card.series.unused_because)[:SERIES_NAMED]

    @property
    def may_check_again(self) -> bool:
        """Whether a check stopped short, of a series or of the board."""
        return not self.slots or any(card.series.status == Series.Status.FAILED for card in self.series)

    @cached_property
    def findings(self) -> list[Any]:
        """What is to be said of the submission as a whole; what blocks stands among the blockers already."""
        if self.labels_hidden or self.submission.status == Submission.Status.CHECKING:
            return []
        told = self.submission.blockers if self.submission.status == Submission.Status.CHECKED else ()
        findings = self.submission.findings.all()
        return [each for each in findings if each.series_id is None and each.sentence not in told]

    @cached_property
    def decision(self) -> Any:
        """The decision that stands, None while the core lab has not settled it."""
        if self.submission.status in Submission.AT_THE_CORE_LAB:
            return None
        settling = (case for case in self.submission.cases.all() if case.settles)
        return next((getattr(case, "decision", None) for case in settling), None)

    @cached_property
    def receipt(self) -> Any:
        """The proof that all of it arrived, None while there is none."""
        return getattr(self.submission, "receipt", None)

    @cached_property
    def history(self) -> list[Happened]:
        return history(self.submission, [card.series for card in self.series])


@dataclass(frozen=True)
class VisitPage:
    """A visit with its latest submission, if any, and the earlier ones."""

    visit: Visit
    window: str
    timing: str
    may_send: bool
    required: tuple[RequiredSeries, ...]
    protocol: str
    refusal: str
    latest: SubmissionPage | None
    earlier: tuple[Submission, ...]

    @property
    def asks_now(self) -> bool:
        """Whether the next step is the site's, so that its days count."""
        return self.latest is None or self.latest.is_open or self.may_begin

    @property
    def takes_a_scan(self) -> bool:
        """Whether the page asks for the whole scan: nothing is there yet, or what was there came back."""
        fresh = self.latest is not None and self.latest.is_fresh
        return self.may_begin or (self.may_send and fresh)

    @property
    def is_sending(self) -> bool:
        return self.latest is not None and self.latest.is_sending

    @property
    def takes_files(self) -> bool:
        """Whether the page offers to choose files, for the first time or again."""
        return self.takes_a_scan or (self.may_send and self.latest is not None and self.latest.is_open)

    @property
    def open_submission(self) -> Submission | None:
        """The one that files would come to, None when they begin another."""
        return None if self.latest is None or self.may_begin else self.latest.submission

    @property
    def is_plain(self) -> bool:
        """Whether its files were sent as they are, to be checked at the core lab, and more would go the same way."""
        latest = None if self.may_begin else self.latest
        return latest is not None and bool(latest.files) and not latest.checked_at_site

    @property
    def addresses(self) -> str:
        """Where scripts turn to for the open submission, as JSON."""
        return json.dumps(addresses(self.open_submission)) if self.open_submission else ""

    @property
    def may_begin(self) -> bool:
        """Whether files would begin a new submission."""
        ended = (Submission.Status.RETURNED, Submission.Status.REJECTED)
        return self.may_send and not self.refusal and (self.latest is None or self.latest.submission.status in ended)


def visit_page(visit: Visit, user: Person, today: date) -> VisitPage:
    """Return a visit as its page shows it."""
    sent = visit.submissions.exclude(status=Submission.Status.WITHDRAWN)
    latest = _detailed(sent).first()
    refusal, required, protocol = "", (), latest.protocol if latest else None
    try:
        if protocol is None or latest.status not in Submission.OPEN:
            protocol = protocol_on(visit.trial, today)
        required = tuple(protocol.required_series.filter(visit_type=visit.visit_type_id))
    except Refused as no_protocol:
        refusal = str(no_protocol)
    may_send = may_send_for(user, visit)
    earlier = visit.submissions.exclude(pk=latest.pk) if latest else visit.submissions.all()
    return VisitPage(
        visit=visit,
        window=window_words(visit, today),
        timing=visit.timing(today),
        may_send=may_send,
        required=required,
        protocol=protocol.version if protocol else "",
        refusal=refusal,
        latest=_page(latest, user, may_send) if latest else None,
        earlier=tuple(earlier.select_related("created_by")),
    )


def submission_page(submission: Submission, user: Person) -> SubmissionPage:
    """Return one submission as its page shows it."""
    detailed = _detailed(Submission.objects.filter(pk=submission.pk)).get()
    return _page(detailed, user, may_send_for(user, detailed.visit))


def _detailed(submissions: Any) -> Any:
    # The digest lists every instance; its few facts are taken out by the database.
    series = (
        Series.objects.defer("digest")
        .annotate(header_facts=F("digest__header"), geometry_facts=F("digest__geometry"))
        .annotate(n_files=Count("instances"))
        .prefetch_related("findings", "classifications", "chosen_slots", "declarations")
    )
    return (
        submissions.with_context()
        .select_related("receipt")
        .prefetch_related(Prefetch("series", series), "slots__required", "slots__suggested_series", "findings")
        .prefetch_related("cases__decision__decided_by")
    )


def _page(submission: Submission, user: Person, may_edit: bool) -> SubmissionPage:
    labels_hidden = labels_are_hidden_beside_the_desk(user, submission.pk)
    slots = [] if labels_hidden else list(submission.slots.all())
    stands_for: dict[int, list[str]] = {}
    for match in slots:
        if match.series_id:
            stands_for.setdefault(match.series_id, []).append(match.required.spec.title)
    shift = shift_of(submission)
    cards = {
        series.pk: _series_card(
            series, " and ".join(stands_for.get(series.pk, ())), _acquired(series, shift, may_edit), labels_hidden
        )
        for series in submission.series.all()
    }
    return SubmissionPage(
        submission=submission,
        may_edit=may_edit,
        series=tuple(cards.values()),
        slots=tuple(_slot_card(match, cards) for match in slots),
        files=dict(submission.files.order_by().values_list("status").annotate(Count("pk"))),
        left_out=left_out(submission, with_names=may_edit),
        on_the_way=on_the_way(submission) if submission.status == Submission.Status.SENDING else None,
        labels_hidden=labels_hidden,
    )


def _acquired(series: Any, shift: int, for_the_site: bool) -> str:
    said = {"AcquisitionDate": (series.header_facts or {}).get("AcquisitionDate")}
    shifted_by = shift if series.origin == Series.Origin.SITE else 0
    return day_words(said, shifted_by=shifted_by, for_the_site=for_the_site)


def _series_card(series: Any, stands_for: str, acquired: str, labels_hidden: bool) -> SeriesCard:
    known = () if labels_hidden else series.classifications.all()
    said = next((each for each in known if each.digest_sha256 == series.digest_sha256), None)
    unused_because = "" if labels_hidden else series.unused_because
    return SeriesCard(
        series=series,
        body_part=said.body_part if said else None,
        contrast=said.contrast if said else None,
        pictures=_pictures(series),
        facts=tuple(_facts(series, stands_for, unused_because, (said.coverage if said else None) or {}, acquired)),
        stands_for=stands_for,
        labels_hidden=labels_hidden,
    )


def _pictures(series: Any) -> tuple[Picture, ...]:
    if not (series.geometry_facts or {}).get("slices") or series.status != Series.Status.CHECKED:
        return ()
    version = series.digest_version
    return tuple(
        Picture(name, f"{reverse('intake:picture', args=(series.uuid, name))}?v={version}") for name in SHOWN_PICTURES
    )


def _facts(
    series: Any, stands_for: str, unused_because: str, coverage: Mapping[str, Any], acquired: str
) -> Iterable[tuple[str, Any]]:
    """Yield what coverage, headers and geometry say, where they say something."""
    geometry, header = series.geometry_facts or {}, series.header_facts or {}
    if stands_for:
        yield "Stands for", stands_for
    elif unused_because and series.status == Series.Status.CHECKED:
        yield "Not used", unused_because
    if coverage.get("answered"):
        yield "Covers", CoverageAnswer.from_json(coverage).short
    yield "Files", series.n_files
    if geometry.get("slices"):
        yield "Slices", geometry["slices"]
    for name, title in (("slice_spacing_mm", "Spacing"), ("coverage_mm", "Coverage")):
        if geometry.get(name):
            yield title, f"{round(geometry[name], 2):g} mm"
    for name, title, unit in HEADER_FACTS:
        value = header.get(name)
        if value not in (None, "", []):
            yield title, f"{value:g}{unit}" if isinstance(value, int | float) else value
    if acquired:
        yield "Acquired", acquired


def _slot_card(match: Any, cards: dict[int, SeriesCard]) -> SlotCard:
    return SlotCard(
        match=match,
        card=cards.get(match.series_id),
        choices=tuple(
            card.series
            for card in cards.values()
            if card.series.status == Series.Status.CHECKED and card.series.pk != match.series_id
        ),
        # What the sentence of the slot says already is not said twice, and notes stand on the series' card.
        findings=tuple(
            finding
            for finding in match.findings
            if finding["severity"] != "info" and finding["sentence"] not in match.sentence
        ),
    )
