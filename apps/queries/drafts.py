"""Questions ready to be asked: the text that a failed rule suggests, for one series and one slot of a submission."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.imaging.findings import Finding, Severity
from apps.intake.models import Series
from apps.protocols.models import RequiredSeries
from apps.queries.wording import wording_of
from apps.reviews.models import Decision, ReviewCase
from apps.reviews.reasons import OTHER
from apps.reviews.selectors import case_evidence
from apps.reviews.selectors.drawings import standing_drawings

ATTACHED = ("mip_coronal", "mid_axial")
"""The pictures of a series that a draft attaches: how far it goes, and what a slice looks like."""

SUBJECT_LENGTH = 160
MOST_PICTURES = 12

CAN_SEND = "If you have images that fit, say so: the core lab then returns the submission, and you can send them."
"""A visit takes no new images while its submission is at the core lab."""


@dataclass(frozen=True)
class Draft:
    """A question that can be sent as it is; `key` names it in addresses and stays the same while nothing changes."""

    subject: str
    text: str
    finding_code: str = ""
    series: Series | None = None
    required: RequiredSeries | None = None
    pictures: tuple[tuple[int, str], ...] = ()
    """Series and name of each attached picture."""
    facts: tuple[str, ...] = ()
    """The lines of the text that tell what it is about, what was expected and what was found."""

    @property
    def key(self) -> str:
        return f"{self.finding_code or 'missing'}-{self.about}"

    @property
    def about(self) -> str:
        """Series and slot as the form's choice of what the question is about names them."""
        return f"{self.series.pk if self.series else 0}-{self.required.pk if self.required else 0}"

    @property
    def is_of_an_unused_series(self) -> bool:
        """Whether it asks about a localizer, say: nobody waits for an answer."""
        return self.series is not None and self.required is None

    @property
    def title(self) -> str:
        """The question and what it is about, for a list of drafts."""
        about = ", ".join(str(each) for each in (self.required, self.series) if each)
        return f"{self.subject} ({about})" if about else self.subject


def draft_from_finding(
    finding: Finding, *, series: Series | None = None, required: RequiredSeries | None = None, pictured: bool = True
) -> Draft:
    """Return the question that a failed rule asks of the site, with what the protocol expects and what was found.

    A series that makes no volume is not `pictured`: there is nothing to attach.

    Neither the finding's sentence nor its place are quoted: they are written for who sends, before the transfer, and
    may name other subjects' visits.
    """
    words = wording_of(finding.code)
    facts = [_about(series, required)]
    if words.tells_facts:
        facts += [f"Expected: {finding.expected}"] * bool(finding.expected)
        facts += [f"Found: {finding.found}"] * bool(finding.found)
    return Draft(
        subject=words.subject[:SUBJECT_LENGTH],
        text="\n".join([*facts, words.question, CAN_SEND]),
        finding_code=finding.code,
        series=series,
        required=required,
        pictures=tuple((series.pk, name) for name in ATTACHED) if series and pictured else (),
        facts=tuple(facts),
    )


def draft_of_missing(required: RequiredSeries) -> Draft:
    """Return the question for a slot that no series fills."""
    return Draft(
        subject=f"{required} is missing"[:SUBJECT_LENGTH],
        text=f"We have no series for {required}.\nWas it scanned, and can it be exported?\n{CAN_SEND}",
        required=required,
    )


def _about(series: Series | None, required: RequiredSeries | None) -> str:
    if series and required:
        return f"This is about {series}, which stands for {required}."
    if series or required:
        return f"This is about {series or required}."
    return "This is about the submission as a whole."


def drafts_of(case: ReviewCase) -> list[Draft]:
    """Return a draft for each failed rule that this case shows to its analysts, in the order of the evidence."""
    return list({draft.key: draft for draft in _drafts(case)}.values())


def _drafts(case: ReviewCase) -> Iterator[Draft]:
    evidence = case_evidence(case)
    for slot in evidence.slots:
        if slot.evidence is None:
            if not slot.not_needed:
                yield draft_of_missing(slot.match.required)
            continue
        findings = [*(finding for fact in slot.facts for finding in fact.findings), *slot.findings]
        for finding in _failed(findings):
            of = slot.evidence
            yield draft_from_finding(finding, series=of.series, required=slot.match.required, pictured=of.pictured)
    for unused in evidence.unused:
        for finding in _failed(unused.findings):
            yield draft_from_finding(finding, series=unused.series, pictured=unused.pictured)
    for finding in _failed(evidence.findings):
        yield draft_from_finding(finding)


def _failed(findings: Iterable[Finding]) -> Iterator[Finding]:
    return (finding for finding in findings if finding.severity != Severity.INFO)


RULES_OF_REASON = {
    "wrong_body_part": ("body_part",),
    "wrong_contrast": ("contrast",),
    "series_missing": ("missing-",),
    "incomplete_coverage": ("coverage",),
    "thick_slices": ("slice_thickness", "spacing"),
    "slices_missing": ("missing_slices", "contiguity", "few_slices", "uneven_spacing"),
    "wrong_subject": ("other_subject", "other_patient", "other_visit", "two_patients", "two_dates", "date"),
    "identifying_information": ("burned_in_annotation", "secondary_capture"),
    OTHER: (),
}
"""Per reason for a return how the codes of the rules that speak for it begin; another reason is taken as a code."""

NEW_IMAGES = "Please send other images for this visit, or answer here if that is not possible."


def draft_of_return(decision: Decision) -> Draft:
    """Return what the site is asked when its submission comes back: the reasons, the note, and what the rules found."""
    begins = tuple(start for reason in decision.reasons for start in RULES_OF_REASON.get(reason, (reason,)))
    speaking = [draft for draft in drafts_of(decision.case) if draft.key.startswith(begins)] if begins else []
    parts = [
        "The core lab returned the images of this visit:",
        *(f"- {sentence}" for sentence in decision.reason_texts),
        *([f"\n{decision.note}"] if decision.note else []),
        *("\n".join(["", f"{draft.subject}.".replace("?.", "?"), *draft.facts]) for draft in speaking),
        f"\n{NEW_IMAGES}",
    ]
    pictures = [picture for draft in speaking for picture in draft.pictures]
    drawn = standing_drawings(decision.case.annotations.all())
    subject = decision.reason_texts[0].rstrip(".") if decision.reason_texts else "Images returned"
    return Draft(
        subject=subject[:SUBJECT_LENGTH],
        text="\n".join(parts),
        finding_code=speaking[0].finding_code if speaking else "",
        series=speaking[0].series if speaking else None,
        required=speaking[0].required if speaking else None,
        pictures=tuple(dict.fromkeys([*drawn, *pictures]))[:MOST_PICTURES],
    )
