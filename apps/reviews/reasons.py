"""Why an analyst sends a submission back or refuses it: code and the words that the site reads."""

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
