"""The slot board in a coordinator's words: what is wrong, where, and what to do next."""

from collections.abc import Mapping, Sequence

from apps.imaging.coverage import REGIONS_OF, CoverageAnswer
from apps.imaging.findings import Finding, Severity
from apps.imaging.rules import catalogue, is_scan, why_never_a_slot
from apps.imaging.rules.identity import series_subject, series_words
from apps.imaging.rules.series import body_part_words
from apps.imaging.slots.board import SlotStatus
from apps.imaging.slots.fit import Candidate, Table
from apps.imaging.spec import EITHER, SeriesSpec, series_title

CHECKED_AFTER_TRANSFER = "checked_after_transfer"
"""Code of the finding of a series that no browser could decode; it may be the right one all the same."""

MOST_NAMED = 3
"""How many series a sentence names."""


def found_sentence(table: Table, required: SeriesSpec, key: str) -> str:
    """Return the sentence of a slot that the assignment filled."""
    fit = table.fit(required.slot, key)
    words = _subject(table, key)
    if fit.status is SlotStatus.OK:
        remarks = [finding.sentence for finding in fit.findings if finding.severity is Severity.WARN]
        return " ".join((f"{required.title}: {words} looks right.", *remarks))
    judged = "does not fit" if fit.blocks else "may be right"
    return f"{required.title}: {words} {judged}. {fit.first_problem.sentence}"


def shared_sentence(table: Table, required: SeriesSpec, key: str, placed: Mapping[str, str]) -> str:
    """Return for which other slots the same series stands, empty when for none."""
    others = [
        other.title for other in table.spec.series if other.slot != required.slot and placed.get(other.slot) == key
    ]
    return f"The same series also stands for {' and '.join(others)}." if others else ""


def chosen_sentence(table: Table, required: SeriesSpec, key: str, better: str | None) -> str:
    """Return the sentence of a slot that the person filled, naming the better series where there is one."""
    fit = table.fit(required.slot, key)
    if fit.status is SlotStatus.OK:
        return found_sentence(table, required, key)
    words, problem = series_words(table.candidates[key].digest), _unseen(table.candidates[key]) or fit.first_problem
    if better is None:
        return f"{required.title}: you chose {words}. {problem.sentence}"
    return f"{required.title}: you chose {_choice_words(problem)} ({words}); {_subject(table, better)} looks right."


def _choice_words(problem: Finding) -> str:
    """Return what the person chose, seen from what is wrong with it: "a non-contrast series"."""
    found = problem.found
    return {
        catalogue.NOT_CT.code: found,
        catalogue.LOCALIZER.code: "a localizer",
        catalogue.SECONDARY_CAPTURE.code: "pictures of a screen",
        catalogue.REFORMATTED.code: "images computed from the scan",
        catalogue.BODY_PART.code: f"a series of {found}",
        catalogue.CONTRAST.code: "a non-contrast series" if found.startswith("without") else f"a series {found}",
        catalogue.SLICE_THICKNESS.code: f"a series with slices of {found}",
        catalogue.SPACING.code: f"a series with slices {found} apart",
        catalogue.COVERAGE.code: f"a series that covers only {found}",
        catalogue.COVERAGE_INCOMPLETE.code: "a series that does not show all of it",
        catalogue.FEW_SLICES.code: f"a series of only {found}",
        catalogue.BURNED_IN.code: "a series with text in its pictures",
        catalogue.BODY_PART_UNSURE.code: "a series that may show something else",
        catalogue.BODY_PART_BORDER.code: "a series that may end above the pelvis",
        catalogue.CONTRAST_UNSURE.code: "a series whose contrast is not sure",
        catalogue.NO_LABELS.code: "a series without pictures",
        CHECKED_AFTER_TRANSFER: "a series that could not be looked at here",
    }.get(problem.code, "a series that does not clearly fit")


def missing_sentence(table: Table, required: SeriesSpec, placed: Mapping[str, str], better: str | None) -> str:
    """Return the sentence of an empty slot: what is missing, why, and what to do."""
    if better is not None:
        return f"{required.title} is missing; {_subject(table, better)} looks right. Choose it."
    if required.optional:
        return f"{required.title} is not here. It is optional, so nothing is to be done."
    elsewhere = [
        (slot, key)
        for slot, key in sorted(placed.items())
        if table.fit(required.slot, key).possible and table.fit(required.slot, key).status is SlotStatus.OK
    ]
    if elsewhere:
        slot, key = elsewhere[0]
        why = f": {_subject(table, key)} already stands for {table.spec.slot(slot).title}"
    elif unsure := [key for key in table.candidates if key not in placed.values() and _may_be_it(table, key)]:
        which = " or ".join(series_words(table.candidates[key].digest) for key in unsure[:MOST_NAMED])
        return (
            f"{required.title} is missing: none of the series here clearly shows "
            f"{body_part_words(required.body_part)}. Look at {which}, and choose it if it is the right one."
        )
    elif partly := [key for key in table.candidates if _shows_some(table, required, key)]:
        which = " and ".join(series_words(table.candidates[key].digest) for key in partly[:MOST_NAMED])
        return (
            f"{required.title} is missing: only part of {body_part_words(required.body_part)} is on {which}. "
            "Choose it here if the scan has no more, or add the whole series."
        )
    elif table.candidates:
        why = f": none of the series here shows {body_part_words(required.body_part)}"
    else:
        why = ""
    return f"{required.title} is missing{why}. Add the series to this visit, or transfer with a reason."


def why_unused(
    table: Table, candidate: Candidate, placed: Mapping[str, str], chosen: Mapping[str, Sequence[str]]
) -> str:
    """Return in words why a series stands for no slot."""
    if candidate.key in chosen:
        if not chosen[candidate.key]:
            return "You left it out."
        slot = chosen[candidate.key][0]
        other = _subject(table, placed[slot])
        return f"You chose two series for {table.spec.slot(slot).title}; {other} fits better."
    if _unseen(candidate) is not None:
        return (
            "It could not be looked at in this browser. If it is the scan of one of these slots, choose it there: "
            "it is checked when it has arrived."
        )
    never = why_never_a_slot(candidate.digest, candidate.classification)
    if never:
        if candidate.classification is not None and candidate.classification.body_part.is_out_of_scope:
            return f"{never[0].upper()}{never[1:]}. Look at it, and choose it for its slot if it is one of them."
        return f"{never[0].upper()}{never[1:]}; it is not needed."
    if _is_unsure(table, candidate.key):
        return "Not sure what it shows. Look at it, and choose it for its slot if this visit asks for it."
    parts = [required.title for required in table.spec.series if _shows_some(table, required, candidate.key)]
    if parts:
        return (
            f"It covers {_coverage(candidate).words}, and not all that {' or '.join(parts)} asks for. "
            "Choose it for its slot if the scan has no more."
        )
    shown = _shown_words(candidate)
    near = [required for required in table.spec.series if table.fit(required.slot, candidate.key).possible]
    if not near:
        return f"It looks like {shown}, which this visit does not ask for."
    best = min(near, key=lambda required: table.fit(required.slot, candidate.key).cost)
    holder = placed.get(best.slot)
    if holder is None:
        return f"It looks like {shown}, which does not fit {best.title}."
    return f"It looks like {shown}; {_subject(table, holder)} fits {best.title} better."


def _unseen(candidate: Candidate) -> Finding | None:
    """Return the finding of a series that nobody has looked at yet, for no fault of its own; None where it was seen."""
    if not is_scan(candidate.digest):
        return None
    return next((each for each in candidate.digest.findings if each.code == CHECKED_AFTER_TRANSFER), None)


def _may_be_it(table: Table, key: str) -> bool:
    return _is_unsure(table, key) or _unseen(table.candidates[key]) is not None


def _is_unsure(table: Table, key: str) -> bool:
    """Return whether a series is a scan whose body part was looked at, but not answered."""
    candidate = table.candidates[key]
    answers = candidate.classification
    if answers is None or why_never_a_slot(candidate.digest, answers):
        return False
    return answers.body_part.label is None and not _coverage(candidate).answered


def _shows_some(table: Table, required: SeriesSpec, key: str) -> bool:
    """Return whether a scan of several body parts shows some of the slot's, though not enough to stand there."""
    candidate = table.candidates[key]
    answers = candidate.classification
    if answers is None or answers.body_part.label is not None or why_never_a_slot(candidate.digest, answers):
        return False
    covered = _coverage(candidate)
    return covered.answered and any(region in covered.names for region in REGIONS_OF.get(required.body_part, ()))


def _coverage(candidate: Candidate) -> CoverageAnswer:
    """Return what a series covers; nothing is answered where nobody looked."""
    answers = candidate.classification
    unknown = CoverageAnswer((), "nobody looked")
    return answers.coverage or unknown if answers else unknown


def _shown_words(candidate: Candidate) -> str:
    """Return what the pictures show as the name of a scan: "a chest CT with contrast"."""
    answers = candidate.classification
    if answers is not None and answers.body_part.label is None and answers.coverage is not None:
        return f"a scan that covers {answers.coverage.words}"
    if answers is None or answers.body_part.label is None:
        return "a scan without labels"
    title = series_title(answers.body_part.label, answers.contrast.label or EITHER)
    return f"{'an' if title[0] in 'AEIOU' else 'a'} {title[0].lower()}{title[1:]}"


def _subject(table: Table, key: str) -> str:
    return series_subject(table.candidates[key].digest)
