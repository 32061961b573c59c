"""All that the page of a visit shows of a submission, gathered in a constant number of queries.

Labels, findings, slots and the decision belong to apps above this one; they are read through the relations.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Prefetch
from django.urls import reverse

from apps.accounts.permissions import Person
from apps.audit.lifecycle import Refused
from apps.imaging.vocabulary import SHOWN_PICTURES
from apps.intake.history import Happened, history
from apps.intake.models import ReceivedFile, Series, Submission
from apps.intake.permissions import may_send_for
from apps.intake.selectors import window_words
from apps.protocols.models import RequiredSeries
from apps.protocols.services import protocol_on
from apps.trials.models import Visit

NAMES_SHOWN = 200
"""File names listed under one reason; a folder of stray files does not drown the page."""

HEADER_FACTS = (
    ("SliceThickness", "Thickness", " mm"),
    ("ConvolutionKernel", "Kernel", ""),
    ("KVP", "Tube voltage", " kV"),
    ("ReconstructionDiameter", "Field of view", " mm"),
    ("ContrastBolusAgent", "Contrast (header)", ""),
    ("BodyPartExamined", "Body part (header)", ""),
    ("Manufacturer", "Scanner", ""),
    ("ManufacturerModelName", "Model", ""),
    ("AcquisitionDate", "Acquired", ""),
)


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

    @property
    def findings(self) -> list[dict[str, str]]:
        """What was found; of a series that stands for nothing it is told, and keeps nothing from anything."""
        told = ("sentence", "expected", "found", "where")
        return [
            {
                "severity": "info" if self.series.unused_because else finding.severity,
                **{name: getattr(finding, name) for name in told},
            }
            for finding in self.series.findings.all()
        ]

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
        rest = self.match.sentence.removeprefix(f"{self.match.required.spec.title}: ")
        return rest[:1].upper() + rest[1:]

    @property
    def chosen(self) -> bool:
        """Whether the coordinator said so, and can take it back."""
        return bool(self.card and self.card.series.chosen_slot_id == self.match.required_id)


@dataclass(frozen=True)
class LeftOut:
    """Files that belong to no series, and the one sentence that tells why."""

    sentence: str
    names: tuple[str, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.names)


@dataclass(frozen=True)
class SubmissionPage:
    submission: Submission
    may_edit: bool
    series: tuple[SeriesCard, ...]
    slots: tuple[SlotCard, ...]
    files: dict[str, int]
    left_out: tuple[LeftOut, ...]

    @property
    def is_working(self) -> bool:
        """Whether the check goes on, so that the page asks again."""
        return self.submission.status == Submission.Status.CHECKING

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
    def may_check_again(self) -> bool:
        """Whether a check stopped short, of a series or of the board."""
        return not self.slots or any(card.series.status == Series.Status.FAILED for card in self.series)

    @cached_property
    def findings(self) -> list[Any]:
        """What is to be said of the submission as a whole; what blocks stands among the blockers already."""
        if self.is_working:
            return []
        told = self.submission.blockers if self.submission.status == Submission.Status.CHECKED else ()
        findings = self.submission.findings.all()
        return [each for each in findings if each.series_id is None and each.sentence not in told]

    @cached_property
    def decision(self) -> Any:
        """The analyst's decision, None while there is none."""
        return getattr(getattr(self.submission, "case", None), "decision", None)

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
        latest=_page(latest, may_send) if latest else None,
        earlier=tuple(earlier.select_related("created_by")),
    )


def submission_page(submission: Submission, user: Person) -> SubmissionPage:
    """Return one submission as its page shows it."""
    detailed = _detailed(Submission.objects.filter(pk=submission.pk)).get()
    return _page(detailed, may_send_for(user, detailed.visit))


def _detailed(submissions: Any) -> Any:
    # The digest lists every instance; its few facts are taken out by the database.
    series = (
        Series.objects.defer("digest")
        .annotate(header_facts=F("digest__header"), geometry_facts=F("digest__geometry"))
        .annotate(n_files=Count("instances"))
        .select_related("chosen_slot")
        .prefetch_related("findings", "classifications")
    )
    return (
        submissions.with_context()
        .select_related("case__decision__decided_by")
        .prefetch_related(Prefetch("series", series), "slots__required", "slots__suggested_series", "findings")
    )


def _page(submission: Submission, may_edit: bool) -> SubmissionPage:
    slots = list(submission.slots.all())
    stands_for = {match.series_id: match.required.spec.title for match in slots if match.series_id}
    cards = {series.pk: _series_card(series, stands_for.get(series.pk, "")) for series in submission.series.all()}
    return SubmissionPage(
        submission=submission,
        may_edit=may_edit,
        series=tuple(cards.values()),
        slots=tuple(_slot_card(match, cards) for match in slots),
        files=dict(submission.files.order_by().values_list("status").annotate(Count("pk"))),
        left_out=_left_out(submission, with_names=may_edit),
    )


def _series_card(series: Any, stands_for: str) -> SeriesCard:
    said = next((each for each in series.classifications.all() if each.digest_sha256 == series.digest_sha256), None)
    return SeriesCard(
        series=series,
        body_part=said.body_part if said else None,
        contrast=said.contrast if said else None,
        pictures=_pictures(series),
        facts=tuple(_facts(series, stands_for)),
        stands_for=stands_for,
    )


def _pictures(series: Any) -> tuple[Picture, ...]:
    if not (series.geometry_facts or {}).get("slices") or series.status != Series.Status.CHECKED:
        return ()
    version = series.digest_version
    return tuple(
        Picture(name, f"{reverse('intake:picture', args=(series.uuid, name))}?v={version}") for name in SHOWN_PICTURES
    )


def _facts(series: Any, stands_for: str) -> Iterable[tuple[str, Any]]:
    """Yield what the headers and the geometry say, where they say something."""
    geometry, header = series.geometry_facts or {}, series.header_facts or {}
    if stands_for:
        yield "Stands for", stands_for
    elif series.unused_because and series.status == Series.Status.CHECKED:
        yield "Not used", series.unused_because
    yield "Files", series.n_files
    if geometry.get("slices"):
        yield "Slices", geometry["slices"]
    for name, title in (("slice_spacing_mm", "Spacing"), ("coverage_mm", "Coverage")):
        if geometry.get(name):
            yield title, f"{round(geometry[name], 2):g} mm"
    for name, title, unit in HEADER_FACTS:
        value = header.get(name)
        if value not in (None, "", []):
            yield title, _value_words(name, value, unit)


def _value_words(name: str, value: Any, unit: str) -> Any:
    if name.endswith("Date") and len(str(value)) == 8 and str(value).isdigit():
        return f"{date(int(value[:4]), int(value[4:6]), int(value[6:])):%-d %b %Y}"
    return f"{value:g}{unit}" if isinstance(value, int | float) else value


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


def _left_out(submission: Submission, *, with_names: bool) -> tuple[LeftOut, ...]:
    """Return the files that belong to no series, by reason, the commonest first; then what archives held of such.

    Sites name folders after patients, so the core lab gets numbers and reasons without `with_names`.
    """
    names: dict[str, list[str]] = {}
    total: Counter[str] = Counter()
    refused = submission.files.filter(status=ReceivedFile.Status.REFUSED)
    for name, reason in refused.values_list("given_name", "reason"):
        total[reason] += 1
        if with_names and total[reason] <= NAMES_SHOWN:
            names.setdefault(reason, []).append(name)
    groups = [
        LeftOut(
            f"{'This file' if number == 1 else f'Each of these {number} files'} {reason}.",
            tuple(names.get(reason, ())),
            number,
        )
        for reason, number in total.most_common()
    ]
    archives = submission.files.filter(status=ReceivedFile.Status.UNPACKED).exclude(reason="")
    for name, lines in archives.values_list("given_name", "reason"):
        members = lines.splitlines()
        if with_names:
            groups.append(LeftOut(f"In {name}:", tuple(members[:NAMES_SHOWN]), len(members)))
        else:
            groups.append(LeftOut("Files inside an archive, each for a reason that its site sees.", (), len(members)))
    return tuple(groups)
