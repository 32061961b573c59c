"""What is asked when a rule failed, in a coordinator's words: per code of a finding the line and the question."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """`subject` is the query's line; `question` asks what the site alone can say."""

    subject: str
    question: str
    tells_facts: bool = True
    """Whether what was expected and found stands in the text; not where it may point to a person or a day."""


_IS_THERE_ANOTHER = "Is there another series of this examination that fits?"
_IS_THERE_A_RECONSTRUCTION = "Is there a reconstruction of this scan as the protocol asks?"

WORDINGS = {
    "body_part": Wording("The scan shows another body part than asked for", _IS_THERE_ANOTHER),
    "contrast": Wording(
        "The contrast is not as asked for",
        "How was contrast given, and is there a series with the contrast that is asked for?",
    ),
    "contrast_unsure": Wording(
        "Was contrast given for this scan?", "Was contrast given, and in which phase was this series made?"
    ),
    "contrast_header_agrees": Wording(
        "Was contrast given for this scan?",
        "The header speaks of contrast, the pictures do not show it. Please ask: which of them is right?",
    ),
    "coverage": Wording(
        "The scan does not cover the whole region", "Was more scanned than this series shows, and can it be exported?"
    ),
    "slice_thickness": Wording(
        "The slices are thicker than the protocol allows", "Is there a reconstruction of this scan with thinner slices?"
    ),
    "slice_thickness_unknown": Wording(
        "How thick are the slices?", "Please ask the radiographer: how thick are the slices of this series?"
    ),
    "spacing": Wording(
        "The slices lie too far apart", "Is there a reconstruction of this scan with slices closer together?"
    ),
    "contiguity": Wording(
        "There are gaps between the slices", "Is there a reconstruction of this scan without gaps between the slices?"
    ),
    "missing_slices": Wording(
        "Slices are missing inside the series",
        "Does the archive hold all slices, and can it export them?",
    ),
    "few_slices": Wording(
        "The series has too few slices", "Was more scanned than this series shows, and can the whole scan be exported?"
    ),
    "tube_voltage": Wording(
        "The tube voltage is not as the protocol asks",
        "Why was it so, and will the next visits be as asked for?",
    ),
    "kernel": Wording("The reconstruction kernel is not as the protocol asks", _IS_THERE_A_RECONSTRUCTION),
    "field_of_view": Wording("The field of view is not as the protocol asks", _IS_THERE_A_RECONSTRUCTION),
    "two_patients": Wording(
        "Do all series belong to this subject?",
        "The series do not all seem to come from one patient. Please check at your site: which of them belong to this"
        " subject? Write no names here.",
        tells_facts=False,
    ),
    "other_patient": Wording(
        "Does this scan belong to this subject?",
        "The scan seems to come from another patient than the earlier visits. Please check: is it the right one? Write"
        " no names here.",
        tells_facts=False,
    ),
    "other_subject": Wording(
        "Does this scan belong to this subject?",
        "The same images were sent for another subject. Please check: to which subject do they belong? Write no"
        " names here.",
        tells_facts=False,
    ),
    "other_visit": Wording(
        "Does this scan belong to this visit?",
        "The same images were sent for another visit of this subject. Please check: to which visit do they belong?",
        tells_facts=False,
    ),
    "two_dates": Wording(
        "Were all series scanned on one day?",
        "The series come from examinations of different days. Which examination belongs to this visit?",
        tells_facts=False,
    ),
    "date": Wording(
        "Is this the scan of this visit?",
        "The day of the scan does not fit the visit. Is it the right examination, and why was it made on that day?",
        tells_facts=False,
    ),
    "burned_in_annotation": Wording(
        "Is text burned into the pictures?",
        "The header says that there is text in the pictures. Does it name the patient, and is there a series without?",
        tells_facts=False,
    ),
    "secondary_capture": Wording(
        "These are pictures of a screen, not the scan",
        "Can the original series of the scan be exported?",
        tells_facts=False,
    ),
}
"""By code, or by the beginning of a code: `coverage` also words `coverage_incomplete`."""


def wording_of(code: str) -> Wording:
    """Return the words for a finding: its own, those of the longest beginning of its code, or general ones."""
    fitting = [known for known in WORDINGS if code == known or code.startswith(f"{known}_")]
    if fitting:
        return WORDINGS[max(fitting, key=len)]
    return Wording(code.replace("_", " ").capitalize(), f"Why is it so? {_IS_THERE_ANOTHER}")
