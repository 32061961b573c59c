"""Who may not see the AI's labels of a submission; apps above this one say so.

The review desk hides labels from the core lab in some cases, to measure what they change.
"""

from collections.abc import Callable

from apps.accounts.permissions import Person

Check = Callable[[Person, int], bool]
"""Takes a person and the key of a submission; True where the person may not see its labels."""

_checks: list[Check] = []
_checks_beside_the_desk: list[Check] = []


def register(check: Check) -> None:
    """Let an app above say to whom labels are hidden."""
    if check not in _checks:
        _checks.append(check)


def register_beside_the_desk(check: Check) -> None:
    """Let an app above say who may see labels only as its desk shows them."""
    if check not in _checks_beside_the_desk:
        _checks_beside_the_desk.append(check)


def labels_are_hidden(person: Person, submission_pk: int) -> bool:
    """Whether this person may not see the AI's labels of the submission now."""
    return any(check(person, submission_pk) for check in _checks)


def labels_are_hidden_beside_the_desk(person: Person, submission_pk: int) -> bool:
    """Whether this person may not see the AI's labels of the submission outside of the review desk now."""
    of_the_desk = any(check(person, submission_pk) for check in _checks_beside_the_desk)
    return of_the_desk or labels_are_hidden(person, submission_pk)
