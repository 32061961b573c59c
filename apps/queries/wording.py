"""What is asked when a rule failed, as a coordinator understands it: per code of a finding the line and the request."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """`subject` is the query's line; `request` says what the site can do."""

    subject: str
    request: str
    tells_facts: bool = True
    """Whether what was expected and found stands in the text; not where it may point to a person or a day."""


_ANOTHER_SERIES = (
    "Please see whether another series of this examination fits and send it, or tell us that there is none."
)

WORDINGS = {
    "body_part": Wording("The scan shows another body part than asked for", _ANOTHER_SERIES),
    "contrast": Wording(
        "The contrast is not as asked for",
        "Please send the series with the right contrast, or tell us how contrast was given.",
    ),
    "contrast_unsure": Wording(
        "Was contrast given for this scan?",
        "Please tell us whether contrast was given, and in which phase the scan was made.",
    ),
    "contrast_header_agrees": Wording(
        "Was contrast given for this scan?",
        "The header speaks of contrast, the pictures do not show it. Please ask the radiographer which is right.",
    ),
    "coverage": Wording(
        "The scan does not cover the whole region",
        "Please send the whole series if only a part was exported, or tell us that no more was scanned.",
    ),
    "slice_thickness": Wording(
        "The slices are thicker than the protocol allows",
        "Please send a thinner reconstruction of this scan, or tell us that there is none.",
    ),
    "slice_thickness_unknown": Wording(
        "How thick are the slices?", "Please ask the radiographer for the slice thickness and tell us."
    ),
    "spacing": Wording(
        "The slices lie too far apart",
        "Please send a reconstruction with closer slices, or tell us that there is none.",
    ),
    "contiguity": Wording(
        "There are gaps between the slices", "Please send a reconstruction without gaps, or tell us that there is none."
    ),
    "missing_slices": Wording(
        "Slices are missing inside the series", "Please export the series again, and send it for this visit."
    ),
    "few_slices": Wording(
        "The series has too few slices", "Please send the whole scan, or tell us that no more was scanned."
    ),
    "tube_voltage": Wording(
        "The tube voltage is not as the protocol asks",
        "Please tell us why, and pass the protocol on for the next visit.",
    ),
    "kernel": Wording(
        "The reconstruction kernel is not as the protocol asks",
        "Please send the reconstruction that the protocol asks for, or tell us that there is none.",
    ),
    "field_of_view": Wording(
        "The field of view is not as the protocol asks",
        "Please send the reconstruction that the protocol asks for, or tell us that there is none.",
    ),
    "two_patients": Wording(
        "Do all series belong to this subject?",
        "The series do not all seem to come from one patient. Please check at your site and tell us which series belong"
        " to this subject; write no names here.",
        tells_facts=False,
    ),
    "other_patient": Wording(
        "Does this scan belong to this subject?",
        "The scan seems to come from another patient than the earlier visits. Please check at your site and tell us;"
        " write no names here.",
        tells_facts=False,
    ),
    "other_subject": Wording(
        "Does this scan belong to this subject?",
        "The same images were sent for another subject. Please check at your site to which subject they belong and tell"
        " us; write no names here.",
        tells_facts=False,
    ),
    "other_visit": Wording(
        "Does this scan belong to this visit?",
        "The same images were sent for another visit of this subject. Please check to which visit they belong, and send"
        " the scan of this visit.",
        tells_facts=False,
    ),
    "two_dates": Wording(
        "Were all series scanned on one day?",
        "The series come from examinations of different days. Please tell us which examination belongs to this visit.",
        tells_facts=False,
    ),
    "date": Wording(
        "Is this the scan of this visit?",
        "The day of the scan does not fit the visit. Please check whether it is the right examination and tell us why"
        " it was made on that day.",
        tells_facts=False,
    ),
    "burned_in_annotation": Wording(
        "Is text burned into the pictures?",
        "The header says that there is text in the pictures. Please look whether it names the patient, and send the"
        " series without the text if it does.",
        tells_facts=False,
    ),
    "secondary_capture": Wording(
        "These are pictures of a screen, not the scan",
        "Please send the original series of the scan.",
        tells_facts=False,
    ),
}
"""By code, or by the beginning of a code: `coverage` also words `coverage_incomplete`."""


def wording_of(code: str) -> Wording:
    """Return the words for a finding: its own, those of the longest beginning of its code, or general ones."""
    fitting = [known for known in WORDINGS if code == known or code.startswith(f"{known}_")]
    if fitting:
        return WORDINGS[max(fitting, key=len)]
    return Wording(
        code.replace("_", " ").capitalize(),
        "Please look at this series and send another one for this visit, or tell us why it is so.",
    )
