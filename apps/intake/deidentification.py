"""How the images of one visit are de-identified: the trial's options, the subject's date shift, the trial's words."""

from apps.imaging.deidentification import Options, Profile, make_profile
from apps.trials.models import Visit
from apps.trials.services import deidentification_of


def deidentification_profile(visit: Visit) -> Profile:
    """Return what the site's browser and the server de-identify and verify the images of a visit with."""
    chosen = deidentification_of(visit.trial)
    return make_profile(
        Options(
            dates=chosen.dates,  # type: ignore[arg-type]  # the model's choices are the options' words
            retain_patient_characteristics=chosen.retain_patient_characteristics,
            retain_device=chosen.retain_device,
            clean_descriptors=chosen.clean_descriptors,
        ),
        key=chosen.key,
        # The row, not the screening number: a corrected number must not move the dates of later visits.
        subject=str(visit.subject.pk),
        sponsor=visit.trial.sponsor,
        protocol=visit.trial.protocol_number,
        site=visit.site.number,
        subject_number=visit.subject.screening_number,
        visit=visit.visit_type.name,
    )
