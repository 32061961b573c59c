"""Finding: the result of one rule."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters: `block` stops a transfer without a reason, `warn` asks for a look, `info` tells."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """The result of one rule on one series, slot or submission.

    `sentence` is for the person: what is wrong, where, and what to do next. `expected` and `found` are short
    texts with units ("<= 5 mm", "7.5 mm"); `where` names slices, tags or files, empty when it is the whole series.
    """

    code: str
    severity: Severity
    sentence: str
    expected: str = ""
    found: str = ""
    where: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain strings."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> "Finding":
        """Return the finding that `to_json` wrote."""
        words = {name: value for name, value in stored.items() if name != "severity"}
        return cls(severity=Severity(stored["severity"]), **words)
