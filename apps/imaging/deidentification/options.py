"""What a trial may choose about the de-identification of its images."""

from dataclasses import dataclass
from typing import Literal

Dates = Literal["remove", "shift", "keep"]


@dataclass(frozen=True)
class Options:
    """The options of PS3.15 Annex E that a trial offers, beside the Basic Profile.

    Parameters
    ----------
    dates
        Remove them; shift them by days that are the same for all scans of a subject (Retain Longitudinal Temporal
        Information with Modified Dates); or keep them (… with Full Dates).
    retain_patient_characteristics
        Age, sex, size, weight.
    retain_device
        Station name and serial numbers of the scanner.
    clean_descriptors
        Keep short descriptions of the images, without words that name somebody.
    """

    dates: Dates = "shift"
    retain_patient_characteristics: bool = False
    retain_device: bool = False
    clean_descriptors: bool = True

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code and meaning of the profile and of each option, from context group 7050 of PS3.16."""
        chosen = [("113100", "Basic Application Confidentiality Profile")]
        if self.clean_descriptors:
            chosen.append(("113105", "Clean Descriptors Option"))
        if self.dates == "keep":
            chosen.append(("113106", "Retain Longitudinal Temporal Information Full Dates Option"))
        if self.dates == "shift":
            chosen.append(("113107", "Retain Longitudinal Temporal Information Modified Dates Option"))
        if self.retain_patient_characteristics:
            chosen.append(("113108", "Retain Patient Characteristics Option"))
        if self.retain_device:
            chosen.append(("113109", "Retain Device Identity Option"))
        return tuple(chosen)

    @property
    def longitudinal(self) -> str:
        """What (0028,0303) says of the dates."""
        return {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}[self.dates]
