"""What a site is told of, and what it does next: the only words of a notice that leave the house by e-mail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`event` ends the sentence "A submission of site 101 …"."""

    event: str
    next_step: str


KINDS = {
    "receipt": Kind("has arrived whole", "Nothing to do now: an image analyst looks at it next."),
    "stopped": Kind(
        "was stopped on its way",
        "Open the visit to read what was found, set it right, and transfer again.",
    ),
    "accepted": Kind("was accepted", "Nothing is left to do for this visit."),
    "accepted_with_deviation": Kind(
        "was accepted with deviation",
        "Nothing is left to do for this visit. Open it to read what departs from the imaging protocol, for next time.",
    ),
    "returned": Kind("was returned", "Open the visit to read why, then send other images for it."),
    "rejected": Kind("was rejected", "Open the visit to read why; other images may be sent for it."),
}
