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
    "query": Kind(
        "got a question from the core lab",
        "Open the visit to read it, and answer there or send other images for the visit.",
    ),
    "query_again": Kind(
        "got a further question from the core lab",
        "Open the visit to read what your answer left open, and answer there or send other images for the visit.",
    ),
    "query_reminder": Kind(
        "got a reminder of a question that waits for an answer",
        "Open the visit to read the question, and answer there or send other images for the visit.",
    ),
    "query_settled": Kind(
        "had a question settled by the core lab",
        "Nothing to do for this question any more. Open the visit to read why.",
    ),
}
