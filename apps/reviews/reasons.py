"""Why an analyst sends a submission back or refuses it: code and the words that the site reads."""

from collections.abc import Sequence

from apps.audit.lifecycle import Refused
from apps.reviews.models import ReturnReason
from apps.trials.models import Trial

REASONS = {
    "wrong_body_part": "The scan shows another body part than the protocol asks for.",
    "wrong_contrast": "The contrast is not as the protocol asks.",
    "series_missing": "A required series is missing.",
    "incomplete_coverage": "The scan does not cover the whole region.",
    "thick_slices": "The slices are thicker or further apart than the protocol allows.",
    "slices_missing": "Slices are missing inside the series.",
    "wrong_subject": "The images seem to belong to another subject or visit.",
    "artefacts": "Artefacts or noise make the images unusable.",
    "identifying_information": "The images show information that identifies the patient.",
    "other": "Another reason; see the note.",
}
"""For a trial that has no list of its own."""

OTHER = "other"
"""The reason that the note tells; every list has it."""


def reasons_of(trial: Trial) -> dict[str, str]:
    """Return the reasons that are offered in a trial, as code and sentence, in the order of the list."""
    own = dict(ReturnReason.objects.filter(trial=trial, retired=False).values_list("code", "sentence"))
    return {**own, OTHER: own.get(OTHER, REASONS[OTHER])} if own else REASONS


def require_told(reasons: Sequence[str], note: str, trial: Trial) -> None:
    """Refuse reasons that the trial does not offer, and "another reason" that the note does not tell."""
    offered = reasons_of(trial)
    unknown = set(reasons) - set(offered)
    if unknown:
        raise Refused(f"Unknown reason: {', '.join(sorted(unknown))}. Choose from {', '.join(offered)}.")
    if OTHER in reasons and not note.strip():
        raise Refused("Write the other reason into the note.")
