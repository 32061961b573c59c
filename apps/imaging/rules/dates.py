"""Rules for the day of a scan: inside the visit's window, not before consent, not in the future."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from apps.imaging.digest import HeaderFact, SeriesDigest
from apps.imaging.findings import Finding
from apps.imaging.geometry.sentences import counted
from apps.imaging.rules import catalogue
from apps.imaging.rules.header import texts
from apps.imaging.rules.identity import named_series

DATE_FACTS = ("AcquisitionDate", "SeriesDate", "StudyDate")
"""Where the day of a scan stands, the nearest to the scanner first; ContentDate may be of a later reconstruction."""

NOT_SAID = "the header gives no date"
REMOVED = "this trial's de-identification removes all dates"
DEIDENTIFIED_BEFORE = "the scan was de-identified before, and its date may have been changed with it"


@dataclass(frozen=True)
class VisitDays:
    """The days that a scan of one visit is held against; `latest` is today, in the zone where the day is furthest."""

    opens_on: date
    closes_on: date
    consented_on: date
    latest: date


@dataclass(frozen=True)
class DatedScan:
    """One series with the day on which it was made, None when nobody can say; `why_unknown` then says why.

    `named` tells whether the day may stand in a sentence; where it may not, the sentence counts days instead.
    """

    digest: SeriesDigest
    made_on: date | None
    why_unknown: str = ""
    named: bool = True


def dated(digest: SeriesDigest, *, shifted_by: int = 0, removed: bool = False) -> DatedScan:
    """Return a series with its day as the header says it, counted back by the days that it was shifted.

    Parameters
    ----------
    digest
        The series.
    shifted_by
        Days that de-identification at the site added to its dates; 0 where they were left alone.
    removed
        Whether de-identification at the site takes dates away.
    """
    if texts(digest.header.get("PatientIdentityRemoved"))[:1] == ("YES",):
        return DatedScan(digest, None, DEIDENTIFIED_BEFORE)
    said = header_day(digest.header)
    if said is None:
        return DatedScan(digest, None, REMOVED if removed else NOT_SAID)
    return DatedScan(digest, said - timedelta(days=shifted_by), named=not shifted_by)


def header_day(header: Mapping[str, HeaderFact]) -> date | None:
    """Return the day of a scan as its header facts say it, None when none of them holds a day."""
    for name in DATE_FACTS:
        for text in texts(header.get(name)):
            try:
                # Some old archives write the ACR-NEMA form, 2026.11.23 (PS3.5 section 6.2, DA).
                return datetime.strptime(text.replace(".", ""), "%Y%m%d").date()
            except ValueError:
                continue
    return None


def check_dates(scans: Sequence[DatedScan], visit: VisitDays) -> tuple[Finding, ...]:
    """Return one finding per day that does not suit the visit, and one for the scans whose day is not known."""
    by_day: dict[tuple[date, bool], list[SeriesDigest]] = {}
    unknown: dict[str, list[SeriesDigest]] = {}
    for scan in scans:
        if scan.made_on is None:
            unknown.setdefault(scan.why_unknown, []).append(scan.digest)
        else:
            by_day.setdefault((scan.made_on, scan.named), []).append(scan.digest)
    findings = []
    for (day, named), digests in sorted(by_day.items()):
        finding = _check_day(day, visit, named=named, where=named_series(digests))
        findings += [finding] if finding else []
    for why, digests in unknown.items():
        findings.append(catalogue.DATE_UNKNOWN.found(why, expected=_window(visit), where=named_series(digests)))
    return tuple(findings)


def _check_day(day: date, visit: VisitDays, *, named: bool, where: str) -> Finding | None:
    """Return the gravest thing to be said of a day, None when it suits the visit."""
    on = f" on {written(day)}," if named else ""
    if day > visit.latest:
        ahead = counted((day - visit.latest).days, "day")
        return catalogue.DATE_IN_FUTURE.found(
            written(day) if named else f"{ahead} from now", expected="today or earlier", where=where, on=on, days=ahead
        )
    if day < visit.consented_on:
        before = counted((visit.consented_on - day).days, "day")
        return catalogue.DATE_BEFORE_CONSENT.found(
            written(day) if named else f"{before} before consent",
            expected=f"{written(visit.consented_on)} or later",
            where=where,
            on=on,
            days=before,
        )
    if visit.opens_on <= day <= visit.closes_on:
        return None
    early = day < visit.opens_on
    days = counted((visit.opens_on - day if early else day - visit.closes_on).days, "day")
    side = "before it opens" if early else "after it closes"
    return catalogue.DATE_OUTSIDE_WINDOW.found(
        written(day) if named else f"{days} {side}",
        expected=_window(visit),
        where=where,
        on=on,
        days=days,
        side=side,
    )


def _window(visit: VisitDays) -> str:
    return f"{written(visit.opens_on)} to {written(visit.closes_on)}"


def written(day: date) -> str:
    """Return a day as people write it: "2 Dec 2026"."""
    return f"{day:%-d %b %Y}"
