"""Every rule, written once: code, severity, what it looks at, what it expects, and its sentence.

`docs/checks.md` shows this table; a test compares the two. What reading and geometry find of themselves
(`apps.imaging.digest`) is not repeated here.
"""

from dataclasses import dataclass

from apps.imaging.findings import Finding, Severity

THICKNESS_TOLERANCE_MM = 0.05
"""How far a nominal length may pass its limit: scanners write 5.0 as 4.99 or 5.01."""

SPACING_TOLERANCE_MM = 0.1
"""How far a measured distance of slices may pass its limit: positions have one or two decimals."""

CONTIGUITY_TOLERANCE = 0.02
"""Share of the slice thickness by which slices may lie apart before tissue counts as missed."""

COVERAGE_TOLERANCE_MM = 5.0
"""How much shorter than asked a scan may be: one slice of the thickest kind that protocols usually allow."""

KVP_TOLERANCE = 0.5
"""How far, in kV, the tube voltage may pass its range: some scanners write 119.7 for 120."""

FIELD_OF_VIEW_TOLERANCE_MM = 1.0
"""How far a reconstruction diameter may pass its range: it is often written rounded."""

MIN_SLICES = 10
"""Fewest slices of a scan: a head of 15 cm in slices of 10 mm has 15, bolus tracking often has fewer."""

BORDER_SCORE = 0.25
"""From this score for the wider class on, abdomen and abdomen-pelvis are not told apart with certainty."""

MIN_SHARED_PICTURES = 3
"""How many different slices must agree pixel by pixel to count as the same scan: one may be all padding."""


@dataclass(frozen=True)
class Rule:
    """One rule as people read it; `sentence` has places for what the rule found.

    `looks_at` names tags and measured facts, `expected` and `tolerance` say in words what passes.
    """

    code: str
    severity: Severity
    looks_at: str
    expected: str
    tolerance: str
    sentence: str

    def found(self, found: str, *, expected: str = "", where: str = "", **words: str) -> Finding:
        """Return the finding of this rule, its sentence filled in."""
        return Finding(
            code=self.code,
            severity=self.severity,
            expected=expected or self.expected,
            found=found,
            where=where,
            sentence=self.sentence.format(found=found, expected=expected or self.expected, where=where, **words),
        )


BLOCK, WARN, INFO = Severity.BLOCK, Severity.WARN, Severity.INFO

NOT_CT = Rule(
    "not_ct",
    BLOCK,
    "Modality (0008,0060)",
    "CT",
    "none",
    "This is {found}, not a CT series, so it cannot stand for a CT that the protocol asks for. "
    "You need not send it; choose the CT series.",
)
LOCALIZER = Rule(
    "localizer",
    BLOCK,
    "ImageType (0008,0008), value 3",
    "no LOCALIZER",
    "none",
    "This is a localizer (scout picture) that was made to plan the scan, not the scan itself. "
    "You need not send it; choose the scan of the same examination.",
)
SECONDARY_CAPTURE = Rule(
    "secondary_capture",
    BLOCK,
    "SOPClassUID (0008,0016), ImageType (0008,0008)",
    "images from the scanner",
    "none",
    "These are pictures of a screen or of a report ({found}), not slices of the scan, and may show the "
    "patient's name. Leave them out and send the scan itself.",
)
REFORMATTED = Rule(
    "reformatted",
    BLOCK,
    "ImageType (0008,0008), any value",
    "no MPR, MIP, projection, 3D or fused images",
    "none; not applied where the protocol allows derived images",
    "These pictures were computed from the scan ({found}), they are not its original slices. "
    "Send the original axial series, or transfer with a reason.",
)
DERIVED = Rule(
    "derived",
    WARN,
    "ImageType (0008,0008), value 1",
    "ORIGINAL",
    "none; not applied where the protocol allows derived images",
    "The scanner marked these slices as derived, not as original. Send the original series if the site still"
    " has it; if not, transfer this one and the core lab looks at it.",
)
BURNED_IN = Rule(
    "burned_in_annotation",
    BLOCK,
    "BurnedInAnnotation (0028,0301)",
    "not YES",
    "none",
    "The header says that text is burned into the pictures; it may show the patient's name. "
    "Look at the pictures, and send the series without the text.",
)
FEW_SLICES = Rule(
    "few_slices",
    BLOCK,
    "number of slices that make the volume",
    f"{MIN_SLICES} or more",
    "none",
    "This series has only {found}; a scan of a body part has {expected}. It may be bolus tracking or an "
    "incomplete export. Choose the whole scan, or export it again.",
)
BODY_PART_HEADER = Rule(
    "body_part_header",
    INFO,
    "BodyPartExamined (0018,0015) against the body part that the pictures show",
    "the same, as far as the tag's word can be mapped",
    "the header is evidence only: it never decides",
    'The header calls the body part "{found}", but the pictures look like {expected}. The pictures count; '
    "you need not change the header.",
)
CONTRAST_HEADER = Rule(
    "contrast_header",
    INFO,
    "ContrastBolusAgent (0018,0010), ContrastBolusRoute (0018,1040), ContrastBolusVolume (0018,1041) "
    "against the contrast that the pictures show",
    "the same; empty tags say nothing",
    "the header is evidence only: it never decides",
    "The header mentions contrast medium ({found}), but the pictures look like a scan without it. It may be "
    "the scan from before the injection, or contrast was only drunk. The pictures count; you need not change"
    " the header.",
)

NO_LABELS = Rule(
    "no_labels",
    WARN,
    "body part and contrast as the pictures show them",
    "both answered",
    "none",
    "Body part and contrast could not be looked at, because no pictures could be made of this series. "
    "Mend what is named beside this line, or transfer with a reason.",
)
BODY_PART = Rule(
    "body_part",
    BLOCK,
    "body part as the pictures show it",
    "the body part of the slot",
    "abdomen-pelvis fills a slot for the abdomen",
    "The protocol asks here for {expected}; the pictures look like {found}. "
    "Choose the series that shows the {wanted}, or transfer with a reason.",
)
BODY_PART_BORDER = Rule(
    "body_part_border",
    WARN,
    "scores of abdomen and abdomen_pelvis where the slot asks for abdomen-pelvis",
    "abdomen_pelvis scores highest",
    f"from a score of {BORDER_SCORE} for abdomen_pelvis on, the finding warns instead of blocking",
    "Not sure that the pelvis is on this scan: it looks like {found}. Look at the thumbnails, whether the "
    "scan goes down to the hip joints; if it does, transfer it as it is.",
)
BODY_PART_WIDER = Rule(
    "body_part_wider",
    INFO,
    "body part as the pictures show it, where the slot asks for the abdomen",
    "abdomen",
    "abdomen-pelvis is accepted",
    "The scan goes further than the protocol asks: it shows the pelvis too. Nothing is to be done.",
)
BODY_PART_UNSURE = Rule(
    "body_part_unsure",
    WARN,
    "body part as the pictures show it",
    "answered",
    "none",
    "Not sure that this is {expected}: {found}. Look at the thumbnails; if it is the right scan, transfer it as it is.",
)
BODY_PART_HEADER_AGREES = Rule(
    "body_part_header_agrees",
    WARN,
    "BodyPartExamined (0018,0015) where the pictures contradict the slot",
    "header and pictures agree",
    "the header is evidence only: it never decides",
    'The header says "{found}", as the protocol asks, but the pictures look different. '
    "Look at the thumbnails; if the header is right, transfer with that as the reason.",
)
BODY_PART_COVERED = Rule(
    "body_part_covered",
    INFO,
    "the regions that the series covers, where the body part of the pictures is another or not answered",
    "every region of the slot's body part, each to its ends",
    "ends as for `coverage_incomplete`",
    "This series covers {found}, and with that {expected}. One series may stand for several; nothing is to be done.",
)
COVERAGE_INCOMPLETE = Rule(
    "coverage_incomplete",
    BLOCK,
    "from where to where the series covers the regions of the slot's body part, as the pictures show it, in mm of the "
    "patient (ImagePositionPatient (0020,0032))",
    "each region to its ends, or at least the bundle's length of it where the series ends inside it",
    "the bundle's lengths are well below those of small adults; not applied where the coverage is not answered",
    "The protocol asks here for {wanted}, but {missing}. The scan may have been exported in part: send the whole "
    "series or the one that shows the rest, or transfer with a reason.",
)
CONTRAST = Rule(
    "contrast",
    BLOCK,
    "contrast as the pictures show it",
    "the contrast of the slot",
    "a slot for either accepts both",
    "The protocol asks here for a scan {expected}; this one looks like a scan {found}. "
    "Choose the series {expected}, or transfer with a reason.",
)
CONTRAST_UNSURE = Rule(
    "contrast_unsure",
    WARN,
    "contrast as the pictures show it",
    "answered",
    "not applied to a slot for either",
    "Not sure that this scan was made {expected}: {found}. Look at the thumbnails, whether the vessels are "
    "bright; if it is the right scan, transfer it as it is.",
)
CONTRAST_HEADER_AGREES = Rule(
    "contrast_header_agrees",
    WARN,
    "ContrastBolusAgent (0018,0010), ContrastBolusRoute (0018,1040), ContrastBolusVolume (0018,1041) "
    "where the pictures contradict the slot",
    "header and pictures agree",
    "the header is evidence only: it never decides",
    "The header mentions contrast medium ({found}), as the protocol asks, but the vessels do not look "
    "bright. Look at the thumbnails; if contrast was given, transfer with that as the reason.",
)
SLICE_THICKNESS = Rule(
    "slice_thickness",
    BLOCK,
    "SliceThickness (0018,0050)",
    "at most the protocol's limit",
    f"{THICKNESS_TOLERANCE_MM} mm",
    "The protocol asks for slices of {expected}; this series has {found}. "
    "Send a thinner reconstruction, or transfer with a reason.",
)
SLICE_THICKNESS_UNKNOWN = Rule(
    "slice_thickness_unknown",
    WARN,
    "SliceThickness (0018,0050)",
    "a number above 0 where the protocol has a limit",
    "none",
    "The header does not say how thick the slices are; the protocol asks for {expected}. The slices lie "
    "{found} apart. Ask the radiographer for the thickness and give it when you transfer.",
)
SPACING = Rule(
    "spacing",
    BLOCK,
    "distance of neighbouring slices, measured from ImagePositionPatient (0020,0032); never SpacingBetweenSlices",
    "at most the protocol's limit",
    f"{SPACING_TOLERANCE_MM} mm",
    "The protocol asks for slices {expected} apart; these lie {found} apart. "
    "Send a reconstruction with closer slices, or transfer with a reason.",
)
SPACING_UNKNOWN = Rule(
    "spacing_unknown",
    WARN,
    "distance of neighbouring slices, measured from ImagePositionPatient (0020,0032)",
    "measurable where the protocol has a limit",
    "none",
    "How far apart the slices lie cannot be measured, because their positions are {found}; the protocol asks"
    " for {expected}. Export the series again from the scanner or the archive.",
)
CONTIGUITY = Rule(
    "contiguity",
    WARN,
    "measured distance of slices against SliceThickness (0018,0050)",
    "not farther apart than they are thick",
    f"{CONTIGUITY_TOLERANCE:.0%} of the thickness, at least {SPACING_TOLERANCE_MM} mm",
    "The slices are {expected} thick but lie {found} apart, so tissue between them is missing from the scan. "
    "Send a reconstruction without gaps if there is one.",
)
COVERAGE = Rule(
    "coverage",
    BLOCK,
    "length of the scan, from the first to the last slice, measured",
    "at least the protocol's length",
    f"{COVERAGE_TOLERANCE_MM:g} mm",
    "The protocol asks for {expected} of {wanted} from end to end; this series covers {found}. "
    "Part of the scan may not have been exported: send the whole series, or transfer with a reason.",
)
TUBE_VOLTAGE = Rule(
    "tube_voltage",
    WARN,
    "KVP (0018,0060)",
    "within the protocol's range",
    f"{KVP_TOLERANCE} kV",
    "The protocol asks for a tube voltage of {expected}; this scan was made with {found}. "
    "It cannot be changed afterwards: transfer it, and tell the radiographer for the next visit.",
)
KERNEL = Rule(
    "kernel",
    WARN,
    "ConvolutionKernel (0018,1210)",
    "one of the protocol's kernels",
    "upper and lower case are the same",
    "The protocol asks for a reconstruction with kernel {expected}; this one has {found}. "
    "Send that reconstruction if the site has it.",
)
FIELD_OF_VIEW = Rule(
    "field_of_view",
    WARN,
    "ReconstructionDiameter (0018,1100)",
    "within the protocol's range",
    f"{FIELD_OF_VIEW_TOLERANCE_MM:g} mm",
    "The protocol asks for a field of view of {expected}; this series has {found}. "
    "Send a reconstruction with the field of view asked for if the site has it.",
)

TWO_PATIENTS = Rule(
    "two_patients",
    BLOCK,
    "PatientID, PatientName and PatientBirthDate, compared as one hash",
    "one patient in a submission",
    "upper and lower case, blanks and carets are the same",
    "These files come from {found} different patients. A submission is for one: find out which series belong"
    " to this subject, withdraw this draft and send those alone ({where}).",
)
OTHER_PATIENT = Rule(
    "other_patient",
    BLOCK,
    "PatientID, PatientName and PatientBirthDate, compared as one hash with what this subject sent before",
    "the patient of the earlier visits",
    "upper and lower case, blanks and carets are the same",
    "These scans come from another patient than the scans that were sent for this subject before ({where}). "
    "Check that you chose the right subject and the right files; transfer with a reason only if the "
    "patient's number changed.",
)
TWO_STUDIES = Rule(
    "two_studies",
    WARN,
    "StudyInstanceUID (0020,000D)",
    "one study for a visit",
    "none",
    "These series come from {found} different examinations of the same day ({where}). "
    "That can be right when the parts were scanned one after the other; check that all belong to this visit.",
)
TWO_DATES = Rule(
    "two_dates",
    BLOCK,
    "StudyInstanceUID (0020,000D) with StudyDate (0008,0020)",
    "one day for a visit",
    "none",
    "These series were scanned on different days: {found} ({where}). A visit is one day: withdraw "
    "this draft and send the examination of this visit alone, or transfer with a reason.",
)
OTHER_SUBJECT = Rule(
    "other_subject",
    BLOCK,
    "SOPInstanceUID (0008,0018) and the hash of the pixels, compared with other subjects' submissions",
    "never sent for another subject",
    f"pixels count from {MIN_SHARED_PICTURES} different equal slices on",
    "{found} of {series} were already sent for {where}. The same scan cannot belong to two subjects: "
    "check which subject it belongs to before you go on.",
)
OTHER_VISIT = Rule(
    "other_visit",
    BLOCK,
    "SOPInstanceUID (0008,0018) and the hash of the pixels, compared with this subject's other visits",
    "never sent for another visit",
    f"pixels count from {MIN_SHARED_PICTURES} different equal slices on",
    "{found} of {series} were already sent for {where} of this subject. "
    "Choose the scan of this visit, or transfer with a reason.",
)

_DAY_TAGS = "AcquisitionDate (0008,0022), else SeriesDate (0008,0021), StudyDate (0008,0020)"

DATE_IN_FUTURE = Rule(
    "date_in_future",
    BLOCK,
    _DAY_TAGS,
    "today or earlier",
    "today in the zone where the day is furthest (UTC+14)",
    "By its header, this scan was made{on} {days} in the future ({where}). The clock of the scanner may be wrong: ask "
    "the radiographer for the day of the scan, and give it as the reason when you transfer.",
)
DATE_BEFORE_CONSENT = Rule(
    "date_before_consent",
    BLOCK,
    f"{_DAY_TAGS}, against the subject's consent",
    "on the day of consent or later",
    "none",
    "This scan was made{on} {days} before the subject agreed to take part ({where}). Check that it is the scan of "
    "this subject and visit; transfer it with a reason only where the protocol allows earlier scans.",
)
DATE_OUTSIDE_WINDOW = Rule(
    "date_outside_window",
    WARN,
    f"{_DAY_TAGS}, against the visit's window",
    "from the first to the last day of the window",
    "none; both days of the window count as inside",
    "This scan was made{on} {days} {side}: the window of this visit is {expected} ({where}). Check that it is the "
    "scan of this visit; if it is, transfer it, the core lab sees how far it lies outside.",
)
DATE_UNKNOWN = Rule(
    "date_unknown",
    INFO,
    f"{_DAY_TAGS}; PatientIdentityRemoved (0012,0062)",
    "the day of the scan, to hold it against the visit's window",
    "a scan that was de-identified before it came here counts as undated",
    "On which day this was scanned is not known: {found} ({where}). It was not held against the window of this visit, "
    "{expected}; nothing is to be done if it is the scan of this visit.",
)

RULES: dict[str, tuple[Rule, ...]] = {
    "Series": (
        NOT_CT,
        LOCALIZER,
        SECONDARY_CAPTURE,
        REFORMATTED,
        DERIVED,
        BURNED_IN,
        FEW_SLICES,
        BODY_PART_HEADER,
        CONTRAST_HEADER,
    ),
    "Slot": (
        NO_LABELS,
        BODY_PART,
        BODY_PART_BORDER,
        BODY_PART_WIDER,
        BODY_PART_UNSURE,
        BODY_PART_HEADER_AGREES,
        BODY_PART_COVERED,
        COVERAGE_INCOMPLETE,
        CONTRAST,
        CONTRAST_UNSURE,
        CONTRAST_HEADER_AGREES,
        SLICE_THICKNESS,
        SLICE_THICKNESS_UNKNOWN,
        SPACING,
        SPACING_UNKNOWN,
        CONTIGUITY,
        COVERAGE,
        TUBE_VOLTAGE,
        KERNEL,
        FIELD_OF_VIEW,
    ),
    "Submission": (
        TWO_PATIENTS,
        OTHER_PATIENT,
        TWO_STUDIES,
        TWO_DATES,
        OTHER_SUBJECT,
        OTHER_VISIT,
        DATE_IN_FUTURE,
        DATE_BEFORE_CONSENT,
        DATE_OUTSIDE_WINDOW,
        DATE_UNKNOWN,
    ),
}
"""The rules by what they judge: one series alone, a series in its slot, all series of a submission."""
