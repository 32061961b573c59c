"""The trial of the demo before anything happens: sites, protocol, people, subjects and their planned visits."""

from datetime import date, timedelta
from typing import TypeVar

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Model
from django.forms import model_to_dict

from apps.accounts.models import Membership, Role, User
from apps.audit.services import record
from apps.demo.seeding.stories import ENROLMENTS, SCREENING, WEEK_12, WEEK_24
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.reviews.models import ReviewPolicy
from apps.trials.models import Site, Trial, VisitType
from apps.trials.services import enrol_subject

Row = TypeVar("Row", bound=Model)

PROTOCOL_NUMBER = "ONC-2026-014"
SITES = (("101", "Northern University Hospital"), ("102", "Lakeside Clinic"), ("103", "Harbour General Hospital"))
VISIT_TYPES = ((SCREENING, -14, 14, 13), (WEEK_12, 84, 7, 7), (WEEK_24, 168, 10, 10))
"""Name, target day, days of the window before and after it."""

REQUIRED_SERIES = (
    ("neck", "neck", 3.0, 120),
    ("chest", "chest", 5.0, 220),
    ("abdomen-pelvis", "abdomen_pelvis", 5.0, 330),
)
"""Slot, body part, thickest slice and shortest coverage (mm); all with contrast."""

PEOPLE = (
    ("carla", "Carla", "Reyes", Role.CRC, "101"),
    ("chen", "Chen", "Wei", Role.CRC, "102"),
    ("cleo", "Cleo", "Martin", Role.CRC, "103"),
    ("anna", "Anna", "Lindqvist", Role.ANALYST, ""),
    ("abel", "Abel", "Okafor", Role.ANALYST, ""),
    ("ada", "Ada", "Moreau", Role.ANALYST, ""),
    ("aino", "Aino", "Virtanen", Role.ANALYST, ""),
    ("mira", "Mira", "Novak", Role.TRIAL_MANAGER, ""),
)
ANALYST_OF_SITE = {"101": "anna", "102": "abel", "103": "abel"}
SECOND_OF_ANALYST = {"anna": "ada", "abel": "aino"}
"""Who reviews after whom: at one desk nobody waits for a person of the other."""

REVIEWING = {"hidden_share": 0.1, "seeded_share": 0.05, "second_review_share": 0.2}
"""Shares of cases, for the submissions to come; those of the stories have the lots that the story tells."""

ADMINISTRATOR = "root"
LONGEST_AGO = timedelta(days=400)
"""The trial is older than everything that happened in it."""


@transaction.atomic
def set_stage(today: date, password: str) -> date:
    """Make the trial with its people and visits, unless it is there; log-ins have `password` in any case.

    Returns the day from which the stories count: the one on which the trial was made.
    """
    trial = Trial.objects.filter(protocol_number=PROTOCOL_NUMBER).first()
    if trial is None:
        root = User.objects.create(username=ADMINISTRATOR, first_name="Root", is_staff=True, is_superuser=True)
        trial = _trial(today, by=root)
        _people(trial, by=root)
        _subjects(trial, today, by=root)
    _let_in(password)
    return trial.imaging_protocols.earliest("effective_from").effective_from + LONGEST_AGO


def _added(obj: Row, *, by: User) -> Row:
    """Save a row as an operator's page does, with its event."""
    obj.save()
    said = {name: str(value) for name, value in model_to_dict(obj).items() if value not in (None, "", [])}
    record(f"{obj._meta.model_name}.added", obj, by=by, new=said)
    return obj


def _trial(today: date, *, by: User) -> Trial:
    trial = Trial(
        protocol_number=PROTOCOL_NUMBER,
        title="Maintenance therapy in follicular lymphoma, phase III",
        sponsor="Example Oncology",
    )
    _added(trial, by=by)
    for number, name in SITES:
        _added(Site(trial=trial, number=number, name=name), by=by)
    _added(ReviewPolicy(trial=trial, **REVIEWING), by=by)
    protocol = _added(ImagingProtocol(trial=trial, version="1.0", effective_from=today - LONGEST_AGO), by=by)
    for name, target_day, before, after in VISIT_TYPES:
        planned = VisitType(trial=trial, name=name, target_day=target_day, days_before=before, days_after=after)
        visit_type = _added(planned, by=by)
        for position, (slot, body_part, thickness_mm, coverage_mm) in enumerate(REQUIRED_SERIES):
            required = RequiredSeries(
                protocol=protocol,
                visit_type=visit_type,
                slot=slot,
                body_part=body_part,
                contrast="enhanced",
                max_slice_thickness_mm=thickness_mm,
                min_coverage_mm=coverage_mm,
                position=position,
            )
            _added(required, by=by)
    return trial


def _people(trial: Trial, *, by: User) -> None:
    for username, first_name, last_name, role, site in PEOPLE:
        user = _added(User(username=username, first_name=first_name, last_name=last_name), by=by)
        at = trial.sites.get(number=site) if site else None
        _added(Membership(user=user, role=role, trial=trial, site=at), by=by)


def _subjects(trial: Trial, today: date, *, by: User) -> None:
    for enrolment in ENROLMENTS:
        baseline_on = today - timedelta(days=enrolment.days_since_baseline)
        enrol_subject(
            trial.sites.get(number=enrolment.screening_number.split("-")[0]),
            enrolment.screening_number,
            consented_on=baseline_on - timedelta(days=35),
            baseline_on=baseline_on,
            by=by,
        )


def _let_in(password: str) -> None:
    """Give everybody of the demo the password that is printed, also when it is another one than last time."""
    people = User.objects.filter(username__in=(ADMINISTRATOR, *(name for name, *_ in PEOPLE)))
    if not all(check_password(password, person.password) for person in people[:1]):
        # One hash for all of them: it is slow to make on purpose, and they share the password.
        people.update(password=make_password(password))
