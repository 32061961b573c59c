"""Which imaging protocol holds for a visit, and what it asks for."""

from datetime import date

from apps.audit.lifecycle import Refused
from apps.imaging.spec import ImagingSpec
from apps.protocols.models import ImagingProtocol
from apps.trials.models import Trial, VisitType


def protocol_on(trial: Trial, day: date) -> ImagingProtocol:
    """Return the version in force on `day`; refuses when the trial has none yet."""
    protocol = trial.imaging_protocols.filter(effective_from__lte=day).order_by("-effective_from").first()
    if protocol is None:
        raise Refused(
            f"Trial {trial} has no imaging protocol in force on {day:%d %b %Y}. Ask the trial manager to enter one."
        )
    return protocol


def imaging_spec(protocol: ImagingProtocol, visit_type: VisitType) -> ImagingSpec:
    """Return what this version asks for at this visit type; refuses when it asks for nothing."""
    required = protocol.required_series.filter(visit_type=visit_type)
    if not required:
        raise Refused(
            f"{protocol} asks for no series at {visit_type}. Ask the trial manager which images this visit needs."
        )
    return ImagingSpec(name=str(protocol.trial), version=protocol.version, series=tuple(slot.spec for slot in required))
