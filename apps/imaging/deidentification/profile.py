"""All that an engine needs to de-identify the objects of one visit, in Python and in the browser alike."""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from apps.imaging.deidentification.options import Dates, Options
from apps.imaging.deidentification.table import EDITION, resolve
from apps.imaging.errors import BadProfile

SCHEMA = 1
METHOD = (f"{EDITION} Basic Profile with options", "CoreQC engine 1")
"""(0012,0063): at most 64 characters each."""

FURTHEST_SHIFT_DAYS = 365
_TAG = re.compile(r"[0-9A-F]{8}\Z")
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_ACTIONS = frozenset("XZDCKU")
_DATES: tuple[Dates, ...] = ("remove", "shift", "keep")


@dataclass(frozen=True)
class Profile:
    """What happens to each attribute, and what is written instead.

    Parameters
    ----------
    key
        32 bytes as hexadecimal digits: whoever has it can find the new UID of an old one, nobody else can.
    dates
        "remove", "shift" or "keep".
    date_shift_days
        What is added to every date when dates are shifted.
    actions
        Tag -> X remove, Z empty, D dummy, C clean, K keep, U replace the UID; what is not named is kept.
    enhanced
        Actions that differ for Enhanced CT.
    identifiers
        Tag -> what is written at the top of the data set: trial, site, subject, visit, and the subject's number as
        the patient's name and number.
    codes
        Code and meaning of the profile and its options, for (0012,0064).
    """

    key: str
    dates: Dates
    date_shift_days: int
    actions: Mapping[str, str]
    enhanced: Mapping[str, str]
    identifiers: Mapping[str, str]
    codes: tuple[tuple[str, str], ...]
    longitudinal: str
    method: tuple[str, ...] = METHOD
    version: str = EDITION
    schema: int = field(default=SCHEMA)

    @cached_property
    def key_bytes(self) -> bytes:
        """The key as bytes."""
        return bytes.fromhex(self.key)

    def action(self, tag: int, enhanced: bool) -> str | None:
        """Return the action for a tag, None when the profile does not name it."""
        numbered = self._enhanced_by_number if enhanced else self._actions_by_number
        return numbered.get(tag)

    @cached_property
    def _actions_by_number(self) -> dict[int, str]:
        return {int(tag, 16): action for tag, action in self.actions.items()}

    @cached_property
    def _enhanced_by_number(self) -> dict[int, str]:
        return self._actions_by_number | {int(tag, 16): action for tag, action in self.enhanced.items()}

    @cached_property
    def identifiers_by_number(self) -> dict[int, str]:
        """Tag as a number -> what is written there."""
        return {int(tag, 16): value for tag, value in self.identifiers.items()}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            **asdict(self),
            "actions": dict(self.actions),
            "enhanced": dict(self.enhanced),
            "identifiers": dict(self.identifiers),
            "codes": [list(code) for code in self.codes],
            "method": list(self.method),
        }

    @classmethod
    def from_json(cls, told: Any) -> "Profile":
        """Return the profile that `to_json` made `told` of.

        Raises
        ------
        BadProfile
            When something is missing or makes no sense; the sentence says what.
        """
        if not isinstance(told, dict):
            raise BadProfile("is no de-identification profile: it holds no object")
        if told.get("schema") != SCHEMA:
            raise BadProfile(f"has schema {told.get('schema')!r}; this version of CoreQC reads schema {SCHEMA}")
        try:
            return cls(
                key=_checked(told, "key", lambda key: isinstance(key, str) and _KEY.match(key)),
                dates=_checked(told, "dates", lambda dates: dates in _DATES),
                date_shift_days=_checked(told, "date_shift_days", lambda days: type(days) is int),
                actions=_checked(told, "actions", _is_actions),
                enhanced=_checked(told, "enhanced", _is_actions),
                identifiers=_checked(told, "identifiers", _is_values),
                codes=tuple((code, meaning) for code, meaning in _checked(told, "codes", _is_codes)),
                longitudinal=_checked(told, "longitudinal", _is_text),
                method=tuple(_checked(told, "method", _is_texts)),
                version=_checked(told, "version", _is_text),
            )
        except KeyError as missing:
            raise BadProfile(f"lacks {missing}; save it again from the visit's page") from None

    def dumps(self) -> str:
        """Return it as a JSON text."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"


def make_profile(
    options: Options,
    *,
    key: str,
    subject: str,
    sponsor: str,
    protocol: str,
    site: str,
    subject_number: str,
    visit: str,
) -> Profile:
    """Return the profile of one visit.

    Parameters
    ----------
    subject
        What tells the subject from all others of the trial, for the date shift; never written.
    """
    actions, enhanced = resolve(options)
    number = _written(subject_number)
    return Profile(
        key=key,
        dates=options.dates,
        date_shift_days=-_shift_days(key, subject) if options.dates == "shift" else 0,
        actions=actions,
        enhanced=enhanced,
        identifiers={
            "00100010": number,
            "00100020": number,
            "00120010": _written(sponsor),
            "00120020": _written(protocol),
            "00120030": _written(site),
            "00120031": "",
            "00120040": number,
            "00120050": _written(visit),
        },
        codes=options.codes,
        longitudinal=options.longitudinal,
    )


def _shift_days(key: str, subject: str) -> int:
    """Return by how many days the dates of a subject move back: 1 to `FURTHEST_SHIFT_DAYS`."""
    digest = hmac.new(bytes.fromhex(key), f"shift:{subject}".encode(), hashlib.sha256).digest()
    return 1 + int.from_bytes(digest[:4], "big") % FURTHEST_SHIFT_DAYS


def _written(text: str) -> str:
    """Return `text` as any character set can hold it: plain ASCII, one value, at most 64 characters."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"(?:[^!-~]|[\\^=])+", " ", plain).strip()[:64].strip()


def _checked(told: dict[str, Any], name: str, makes_sense: Any) -> Any:
    value = told[name]
    if not makes_sense(value):
        raise BadProfile(f"has no usable {name!r}; save it again from the visit's page")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_codes(value: Any) -> bool:
    return isinstance(value, list) and all(_is_texts(code) and len(code) == 2 for code in value)


def _is_values(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _TAG.match(tag) and _is_text(text) and text.isascii() for tag, text in value.items()
    )


def _is_actions(value: Any) -> bool:
    return _is_values(value) and all(action in _ACTIONS for action in value.values())
