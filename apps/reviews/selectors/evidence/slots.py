"""A required series and all that speaks for and against the series that fills it."""

from dataclasses import dataclass

from apps.imageqc.models import SlotMatch
from apps.imaging.findings import Finding, Severity
from apps.imaging.spec import SeriesSpec
from apps.reviews.models import ReviewCase
from apps.reviews.selectors.evidence.facts import FACTS, Fact
from apps.reviews.selectors.evidence.series import SeriesEvidence, gravest_first
from apps.reviews.selectors.shown import slot_as_shown


@dataclass(frozen=True)
class SlotEvidence:
    """A required series and all that speaks for and against the series that fills it."""

    match: SlotMatch
    required: SeriesSpec
    evidence: SeriesEvidence | None
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    state: str = ""
    """As this case shows it; empty where the AI's labels are hidden."""
    sentence: str = ""
    repeats: str = ""
    """The slot above in which the same series stands; its labels are corrected there, once."""
    repeated_by: tuple[int, ...] = ()
    """Keys of the slots below in which the same series stands: what is corrected here changes there too."""

    @property
    def declared(self) -> bool:
        """Whether the site said what this series is, so that its words get a column."""
        return any(fact.declared for fact in self.facts)

    @property
    def differing(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.differs]

    @property
    def agreeing(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.differs]

    @property
    def calm(self) -> bool:
        """Whether nothing here asks for a second look."""
        return not self.differing and all(finding.severity == Severity.INFO for finding in self.findings)

    @property
    def not_needed(self) -> bool:
        """Whether the slot is empty and may be."""
        return self.evidence is None and self.required.optional

    @property
    def chosen_by_site(self) -> bool:
        """Whether the coordinator put the series here, instead of leaving it to the check."""
        chosen = self.evidence.series.chosen_slots.all() if self.evidence else ()
        return any(required.pk == self.match.required_id for required in chosen)


def slot_evidence(
    case: ReviewCase, match: SlotMatch, evidence: SeriesEvidence | None, standing: list[SlotMatch]
) -> SlotEvidence:
    """Return the evidence of a slot; `standing` are all slots in which its series stands, in their order."""
    required = match.required.spec
    shown = slot_as_shown(case, match, evidence.classification if evidence else None)
    findings = list(shown.findings)
    if evidence is None:
        return SlotEvidence(match, required, None, (), gravest_first(findings), shown.state, shown.sentence)
    findings = list(dict.fromkeys([*findings, *evidence.findings]))
    facts = []
    for name, codes, line in FACTS:
        of_it = [finding for finding in findings if finding.code.startswith(codes)]
        asked, header, seen, module = line(required, evidence)
        if asked or module or of_it:
            answer, correction = evidence.answers.get(module), evidence.corrections.get(module)
            declared = evidence.declared.get(module, "")
            facts.append(Fact(name, asked, header, seen, answer, correction, gravest_first(of_it), declared))
    told = {finding for fact in facts for finding in fact.findings}
    rest = gravest_first(finding for finding in findings if finding not in told)
    parts = (match, required, evidence, tuple(facts), rest, shown.state, shown.sentence)
    first, *others = standing
    if match != first:
        return SlotEvidence(*parts, repeats=first.required.spec.title)
    return SlotEvidence(*parts, repeated_by=tuple(other.pk for other in others))
