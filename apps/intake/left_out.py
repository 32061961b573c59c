"""The files of a submission that belong to no series, and why."""

from collections import Counter
from dataclasses import dataclass

from apps.intake.models import ReceivedFile, Submission

NAMES_SHOWN = 200
"""File names listed under one reason; a folder of stray files does not drown the page."""


@dataclass(frozen=True)
class LeftOut:
    """Files that belong to no series, and the one sentence that tells why."""

    sentence: str
    names: tuple[str, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.names)


def left_out(submission: Submission, *, with_names: bool) -> tuple[LeftOut, ...]:
    """Return the files that belong to no series, by reason, the commonest first; then what archives held of such.

    Sites name folders after patients, so the core lab gets numbers and reasons without `with_names`.
    """
    names: dict[str, list[str]] = {}
    total: Counter[str] = Counter()
    refused = submission.files.filter(status__in=ReceivedFile.LEFT_OUT)
    for name, reason in refused.values_list("given_name", "reason"):
        total[reason] += 1
        if with_names and total[reason] <= NAMES_SHOWN:
            names.setdefault(reason, []).append(name)
    groups = [
        LeftOut(
            f"{'This file' if number == 1 else f'Each of these {number} files'} {reason}.",
            tuple(names.get(reason, ())),
            number,
        )
        for reason, number in total.most_common()
    ]
    archives = submission.files.filter(status=ReceivedFile.Status.UNPACKED).exclude(reason="")
    for name, lines in archives.values_list("given_name", "reason"):
        members = lines.splitlines()
        if with_names:
            groups.append(LeftOut(f"In {name}:", tuple(members[:NAMES_SHOWN]), len(members)))
        else:
            groups.append(LeftOut("Files inside an archive, each for a reason that its site sees.", (), len(members)))
    return tuple(groups)
