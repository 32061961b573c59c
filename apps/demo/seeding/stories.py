"""What happened in the demo's trial, visit by visit: a table to read, played by `playing`."""

from dataclasses import dataclass, replace
from enum import Enum

from apps.demo.seeding.scans import Scan
from apps.imaging.phantom import Mistakes
from apps.reviews.models import Decision

Verdict = Decision.Verdict


class Until(Enum):
    """How far a submission has come today."""

    HALF_WAY = "the transfer was interrupted half way"
    CHECK = "checked, and still with the site"
    WITHDRAWAL = "taken back by the site"
    TRANSFER = "waiting at the core lab"
    DECISION = "decided"


@dataclass(frozen=True)
class Sending:
    """One submission of a visit.

    `days_ago` and `at` (UTC) say when it was sent, `scanned_before` how many days before that the subject was
    scanned. The coordinator gives `because` where something blocks; the analyst decides `review_hours` after the
    transfer. What was drawn for the case: `hidden` labels, a `wrong_label` on purpose, which its analyst sets right or
    `overlooks`, and a second review with its verdict (`second`); where that differs, a third has still to decide.
    """

    days_ago: int
    at: str
    scans: tuple[Scan, ...]
    until: Until = Until.DECISION
    because: str = ""
    verdict: Verdict = Verdict.ACCEPT
    reasons: tuple[str, ...] = ()
    note: str = ""
    review_hours: float = 24
    minutes_of_work: float = 1
    scanned_before: int = 1
    stray_files: bool = False
    hidden: bool = False
    wrong_label: bool = False
    overlooks: bool = False
    second: Verdict | None = None
    second_note: str = ""


@dataclass(frozen=True)
class Story:
    """What happened to one visit, in a sentence and as it is played. No sending: nothing has come yet."""

    subject: str
    visit_type: str
    sentence: str
    sendings: tuple[Sending, ...] = ()

    def __str__(self) -> str:
        return f"{self.subject} {self.visit_type}"


@dataclass(frozen=True)
class Enrolment:
    """A subject, and for how many days the visits have been counted (negative: baseline is still to come)."""

    screening_number: str
    days_since_baseline: int


SCREENING, WEEK_12, WEEK_24 = "Screening", "Week 12", "Week 24"

ENROLMENTS = (
    Enrolment("101-001", 170),
    Enrolment("101-002", 87),
    Enrolment("101-003", 97),
    Enrolment("101-004", 84),
    Enrolment("101-005", -12),
    Enrolment("101-006", -5),
    Enrolment("102-001", 172),
    Enrolment("102-002", 86),
    Enrolment("102-003", 85),
    Enrolment("103-001", 171),
    Enrolment("103-002", 88),
    Enrolment("103-003", 8),
)


def visit_scans(visit_type: str) -> tuple[Scan, Scan, Scan]:
    """Return neck, chest and abdomen-pelvis as asked for; the scanner's settings change from visit to visit."""
    neck, chest, abdomen = {SCREENING: (2.5, 4.0, 5.0), WEEK_12: (3.0, 5.0, 4.0), WEEK_24: (2.0, 3.75, 4.5)}[visit_type]
    syntax = {SCREENING: "jpeg_ls", WEEK_12: "jpeg_lossless", WEEK_24: "explicit"}[visit_type]
    return (
        Scan("neck", neck, syntax=syntax),
        Scan("chest", chest, syntax=syntax),
        Scan("abdomen_pelvis", abdomen, syntax="jpeg_ls"),
    )


S_NECK, S_CHEST, S_ABDOMEN = visit_scans(SCREENING)
W12_NECK, W12_CHEST, W12_ABDOMEN = visit_scans(WEEK_12)
W24_NECK, W24_CHEST, W24_ABDOMEN = visit_scans(WEEK_24)
AS_A_CD = Mistakes(localizer=True, dose_report=True, secondary_capture=True, without_extension=True)

STORIES = (
    # --- Site 101, Carla
    Story(
        "101-001",
        SCREENING,
        "Everything as asked for; accepted within a day, without AI labels.",
        (Sending(176, "08:31", (S_NECK, S_CHEST, S_ABDOMEN), review_hours=5, minutes_of_work=1.2, hidden=True),),
    ),
    Story(
        "101-001",
        WEEK_12,
        "The neck was reconstructed too thick and cannot be had thinner; accepted with deviation.",
        (
            Sending(
                84,
                "10:05",
                (replace(W12_NECK, thicker=2), W12_CHEST, W12_ABDOMEN),
                because="The raw data of the neck are deleted; a thinner reconstruction cannot be made.",
                verdict=Verdict.ACCEPT_WITH_DEVIATION,
                reasons=("thick_slices",),
                note="Lymph nodes of 15 mm and more can be measured. Please keep raw data until the visit is accepted.",
                review_hours=50,
                minutes_of_work=3,
            ),
        ),
    ),
    Story(
        "101-001",
        WEEK_24,
        "Complete, waits for an analyst since yesterday.",
        (Sending(1, "14:22", (W24_NECK, W24_CHEST, W24_ABDOMEN), Until.TRANSFER),),
    ),
    Story(
        "101-002",
        SCREENING,
        "The chest came without contrast and went back; the second scan was accepted.",
        (
            Sending(
                99,
                "11:47",
                (S_NECK, replace(S_CHEST, enhanced=False), S_ABDOMEN),
                because="The radiologist says that contrast was given.",
                verdict=Verdict.RETURN_TO_SITE,
                reasons=("wrong_contrast",),
                note="The vessels of the chest are not bright. Please send the series after the injection.",
                review_hours=28,
                minutes_of_work=2,
            ),
            Sending(95, "09:08", (S_NECK, S_CHEST, S_ABDOMEN), review_hours=6, minutes_of_work=0.8),
        ),
    ),
    Story(
        "101-002",
        WEEK_12,
        "Checked: the neck is missing, so Carla has not transferred it yet.",
        (Sending(0, "07:55", (W12_CHEST, W12_ABDOMEN), Until.CHECK),),
    ),
    Story(
        "101-003",
        SCREENING,
        "Burned to a CD with everything else on it, the chest called HEAD by the header; accepted all the same.",
        (
            Sending(
                105,
                "15:03",
                (
                    replace(S_NECK, mistakes=AS_A_CD),
                    replace(S_CHEST, body_part_in_header="HEAD", syntax="implicit"),
                    replace(S_ABDOMEN, mistakes=Mistakes(reversed_order=True), syntax="explicit"),
                ),
                because="The localizer is on the CD beside the scan; please use the scan.",
                review_hours=26,
                minutes_of_work=1.5,
                stray_files=True,
            ),
        ),
    ),
    Story("101-003", WEEK_12, "Late: the window has closed and nothing has come."),
    Story(
        "101-004",
        SCREENING,
        "Everything as asked for; accepted by two.",
        (
            Sending(
                90,
                "08:40",
                (S_NECK, S_CHEST, S_ABDOMEN),
                review_hours=29,
                minutes_of_work=0.7,
                second=Verdict.ACCEPT,
            ),
        ),
    ),
    Story(
        "101-004",
        WEEK_12,
        "The abdomen is of another patient; returned, and Carla has to send it again.",
        (
            Sending(
                4,
                "09:50",
                (W12_NECK, W12_CHEST, replace(W12_ABDOMEN, of_somebody_else=True)),
                because="All three were exported under the subject's number.",
                verdict=Verdict.RETURN_TO_SITE,
                reasons=("wrong_subject",),
                note="Series 4 has another patient in its header than series 2 and 3. Please export it again.",
                review_hours=31,
                minutes_of_work=2.5,
            ),
        ),
    ),
    Story("101-005", SCREENING, "Due and empty: for a second try with the scans of demo-scans/2 and 4."),
    Story("101-006", SCREENING, "Due and empty: for a first try with the scans of demo-scans/1 and 3."),
    # --- Site 102, Chen
    Story(
        "102-001",
        SCREENING,
        "The first upload was another patient's chest and was taken back; then all came and was accepted.",
        (
            Sending(
                190,
                "12:16",
                (replace(S_CHEST, of_somebody_else=True),),
                Until.WITHDRAWAL,
                because="I took the wrong CD.",
            ),
            Sending(190, "13:40", (S_NECK, S_CHEST, S_ABDOMEN), review_hours=26, minutes_of_work=1),
        ),
    ),
    Story(
        "102-001",
        WEEK_12,
        "Slices of the chest got lost on the way; returned, exported again, accepted.",
        (
            Sending(
                88,
                "10:33",
                (W12_NECK, replace(W12_CHEST, mistakes=Mistakes(missing=frozenset(range(24, 31)))), W12_ABDOMEN),
                because="This is all that the archive has.",
                verdict=Verdict.RETURN_TO_SITE,
                reasons=("slices_missing",),
                note="Please export the chest again, from the scanner if the archive has no more.",
                review_hours=50,
                minutes_of_work=2,
            ),
            Sending(
                82, "08:02", (W12_NECK, W12_CHEST, W12_ABDOMEN), review_hours=6, minutes_of_work=0.6, scanned_before=7
            ),
        ),
    ),
    Story(
        "102-001",
        WEEK_24,
        "The transfer was interrupted half way: demo-scans/5 is the folder to go on with.",
        (Sending(0, "07:48", (W24_NECK, W24_CHEST, W24_ABDOMEN), Until.HALF_WAY),),
    ),
    Story(
        "102-002",
        SCREENING,
        "Everything as asked for; accepted by two, the first without AI labels.",
        (
            Sending(
                94,
                "14:09",
                (S_NECK, S_CHEST, S_ABDOMEN),
                review_hours=53,
                minutes_of_work=1.5,
                hidden=True,
                second=Verdict.ACCEPT,
            ),
        ),
    ),
    Story(
        "102-002",
        WEEK_12,
        "Checked, nothing blocks: Chen can transfer it.",
        (Sending(0, "08:19", (W12_NECK, W12_CHEST, W12_ABDOMEN), Until.CHECK),),
    ),
    Story(
        "102-003",
        SCREENING,
        "The patient could have no contrast medium; accepted with deviation.",
        (
            Sending(
                93,
                "10:58",
                tuple(replace(scan, enhanced=False) for scan in (S_NECK, S_CHEST, S_ABDOMEN)),
                because="No contrast: the patient's kidney function does not allow it.",
                verdict=Verdict.ACCEPT_WITH_DEVIATION,
                reasons=("wrong_contrast",),
                note="Accepted for this subject; please scan all visits of the subject without contrast.",
                review_hours=73,
                minutes_of_work=4,
            ),
        ),
    ),
    Story(
        "102-003",
        WEEK_12,
        "The scan ends above the pelvis; sent with a reason, waits at the core lab and is due today.",
        (
            Sending(
                2,
                "09:26",
                (W12_NECK, W12_CHEST, replace(W12_ABDOMEN, region="abdomen")),
                Until.TRANSFER,
                because="The patient could not lie any longer; the pelvis was not scanned.",
            ),
        ),
    ),
    # --- Site 103, Cleo
    Story(
        "103-001",
        SCREENING,
        "Everything as asked for; one AI label was wrong on purpose, and the analyst saw it.",
        (Sending(180, "13:31", (S_NECK, S_CHEST, S_ABDOMEN), review_hours=76, minutes_of_work=1.1, wrong_label=True),),
    ),
    Story(
        "103-001",
        WEEK_12,
        "The whole visit is of another patient than at screening; rejected.",
        (
            Sending(
                86,
                "11:11",
                tuple(replace(scan, of_somebody_else=True) for scan in (W12_NECK, W12_CHEST, W12_ABDOMEN)),
                because="The archive found these under the subject's initials.",
                verdict=Verdict.REJECT,
                reasons=("wrong_subject",),
                note="Not the subject of the screening scan, and no scan of the subject exists in this window.",
                review_hours=56,
                minutes_of_work=5,
                second=Verdict.REJECT,
                second_note="Another patient; I agree that nothing can be used.",
            ),
        ),
    ),
    Story(
        "103-001",
        WEEK_24,
        "Scanned after the contrast pump failed; two analysts differ, a third has to decide; overdue.",
        (
            Sending(
                5,
                "15:27",
                tuple(replace(scan, enhanced=False, contrast_in_header="IOHEXOL 300") for scan in visit_scans(WEEK_24)),
                because="The pump failed during the scan; the patient declines another one.",
                verdict=Verdict.ACCEPT_WITH_DEVIATION,
                reasons=("wrong_contrast",),
                note="There will be no other scan of this visit; nodes can be measured without contrast.",
                review_hours=30,
                minutes_of_work=3,
                second=Verdict.RETURN_TO_SITE,
                second_note="The liver cannot be judged without contrast. Please ask the patient once more.",
            ),
        ),
    ),
    Story(
        "103-002",
        SCREENING,
        "Everything as asked for; one AI label was wrong on purpose and overlooked, so a second analyst accepted.",
        (
            Sending(
                98,
                "09:44",
                (S_NECK, S_CHEST, S_ABDOMEN),
                review_hours=74,
                minutes_of_work=1.4,
                wrong_label=True,
                overlooks=True,
            ),
        ),
    ),
    Story(
        "103-002",
        WEEK_12,
        "Sent in slices of 10 mm and returned; the thin slices wait at the core lab and go first.",
        (
            Sending(
                6,
                "10:20",
                (W12_NECK, replace(W12_CHEST, thicker=2), replace(W12_ABDOMEN, thicker=2)),
                because="These are the slices that our radiologists read.",
                verdict=Verdict.RETURN_TO_SITE,
                reasons=("thick_slices",),
                note="The protocol asks for 5 mm or thinner. The scanner has them: please reconstruct and send again.",
                review_hours=55,
                minutes_of_work=2,
            ),
            Sending(1, "08:50", (W12_NECK, W12_CHEST, W12_ABDOMEN), Until.TRANSFER, scanned_before=6),
        ),
    ),
    Story("103-003", SCREENING, "Late: the window has closed and nothing has come."),
)
