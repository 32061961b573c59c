"""Plan subjects and their visits, and say how the images of a trial are de-identified."""

from datetime import date

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.audit.services import record
from apps.trials.models import DeidentificationProfile, Site, Subject, Trial, Visit, VisitType, window


def enrol_subject(site: Site, screening_number: str, *, consented_on: date, baseline_on: date, by: User) -> Subject:
    """Add a subject and plan every visit type of the trial for it."""
    with transaction.atomic():
        subject = Subject.objects.create(
            site=site, screening_number=screening_number, consented_on=consented_on, baseline_on=baseline_on
        )
        record("subject.enrolled", subject, by=by, new={"site": site.number, "baseline_on": str(baseline_on)})
        for visit_type in site.trial.visit_types.all():
            plan_visit(subject, visit_type, by=by)
    return subject


def plan_visit(subject: Subject, visit_type: VisitType, *, by: User) -> Visit:
    """Add a visit with the window that its type gives after the subject's baseline."""
    target_on, opens_on, closes_on = window(visit_type, subject.baseline_on)
    with transaction.atomic():
        visit = Visit.objects.create(
            subject=subject, visit_type=visit_type, target_on=target_on, opens_on=opens_on, closes_on=closes_on
        )
        record("visit.planned", visit, by=by, new={"opens_on": str(opens_on), "closes_on": str(closes_on)})
    return visit


def deidentification_of(trial: Trial) -> DeidentificationProfile:
    """Return how the images of a trial are de-identified; made with a key of its own when it is first asked for."""
    known = DeidentificationProfile.objects.filter(trial=trial).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            made = DeidentificationProfile.objects.create(trial=trial)
            record("deidentification.begun", made, by=None, new=deidentification_options(made))
        return made
    except IntegrityError:
        # Somebody else made it in the same moment: theirs is the trial's, with its key.
        return DeidentificationProfile.objects.get(trial=trial)


def deidentification_options(profile: DeidentificationProfile) -> dict[str, str | bool]:
    """Return what a trial chose, without the key."""
    return {
        "dates": str(profile.dates),
        "retain_patient_characteristics": profile.retain_patient_characteristics,
        "retain_device": profile.retain_device,
        "clean_descriptors": profile.clean_descriptors,
    }
