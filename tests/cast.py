"""The people of the tests, always the same: whoever reads a test knows who may do what.

Carla and Chen coordinate two sites, Anna and Abel analyse, Mira manages the trial, Otto belongs to another trial,
Root administers.
"""

from dataclasses import dataclass
from datetime import date

import pytest

from apps.accounts.models import Membership, Role, User
from apps.protocols.models import ImagingProtocol, RequiredSeries
from apps.trials.models import Site, Subject, Trial, Visit, VisitType
from apps.trials.services import enrol_subject

PASSWORD = "correct horse battery"
BASELINE = date(2026, 9, 1)


@dataclass(frozen=True)
class Cast:
    trial: Trial
    site: Site
    other_site: Site
    week_8: VisitType
    protocol: ImagingProtocol
    subject: Subject
    visit: Visit
    chens_visit: Visit
    carla: User
    chen: User
    anna: User
    abel: User
    mira: User
    otto: User
    root: User


def person(username: str, name: str, **fields: object) -> User:
    """Return a user who can sign in with PASSWORD."""
    return User.objects.create_user(username, password=PASSWORD, first_name=name, **fields)


@pytest.fixture
def cast(db: None) -> Cast:
    trial = Trial.objects.create(protocol_number="ONC-301", title="A trial of the tests", sponsor="Example Pharma")
    site = Site.objects.create(trial=trial, number="101", name="Northern Hospital")
    other_site = Site.objects.create(trial=trial, number="102", name="Lakeside Clinic")
    week_8 = VisitType.objects.create(trial=trial, name="Week 8", target_day=56, days_before=7, days_after=7)
    protocol = ImagingProtocol.objects.create(trial=trial, version="1.0", effective_from=date(2026, 1, 1))
    for position, (slot, body_part) in enumerate((("chest", "chest"), ("abdomen_pelvis", "abdomen_pelvis"))):
        RequiredSeries.objects.create(
            protocol=protocol,
            visit_type=week_8,
            slot=slot,
            body_part=body_part,
            contrast="enhanced",
            max_slice_thickness_mm=5,
            position=position,
        )
    other_trial = Trial.objects.create(protocol_number="CAR-102", title="Another trial", sponsor="Example Bio")
    root = person("root", "Root", is_superuser=True, is_staff=True)
    people = {name: person(name, name.capitalize()) for name in ("carla", "chen", "anna", "abel", "mira", "otto")}
    for name, role, in_trial, at_site in (
        ("carla", Role.CRC, trial, site),
        ("chen", Role.CRC, trial, other_site),
        ("anna", Role.ANALYST, trial, None),
        ("abel", Role.ANALYST, trial, None),
        ("mira", Role.TRIAL_MANAGER, trial, None),
        ("otto", Role.ANALYST, other_trial, None),
    ):
        Membership.objects.create(user=people[name], role=role, trial=in_trial, site=at_site)
    subject = enrol_subject(site, "101-001", consented_on=BASELINE, baseline_on=BASELINE, by=root)
    chens_subject = enrol_subject(other_site, "102-001", consented_on=BASELINE, baseline_on=BASELINE, by=root)
    return Cast(
        trial=trial,
        site=site,
        other_site=other_site,
        week_8=week_8,
        protocol=protocol,
        subject=subject,
        visit=subject.visits.get(),
        chens_visit=chens_subject.visits.get(),
        root=root,
        **people,
    )
