"""Rules for all series of a submission: one patient, one examination, never sent for someone else."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from apps.imaging.digest import SeriesDigest
from apps.imaging.findings import Finding
from apps.imaging.geometry.sentences import counted
from apps.imaging.rules import catalogue
from apps.imaging.rules.catalogue import Rule
from apps.imaging.rules.header import texts

MOST_NAMED = 4
"""How many series of a group a sentence names before it counts the rest."""


@dataclass(frozen=True)
class KnownInstances:
    """What was sent before, as far as it meets the series at hand; the caller looks it up.

    The mappings go from a SOP instance UID or a pixel hash to the words for where it was sent ("subject 014",
    "Week 8"). The caller chooses words that the person may read.
    """

    patient_keys: frozenset[str] = frozenset()
    """Patient keys of this subject's earlier submissions; empty when there are none."""
    other_subjects: Mapping[str, str] = field(default_factory=dict)
    other_visits: Mapping[str, str] = field(default_factory=dict)


def check_identity(
    digests: Sequence[SeriesDigest], known: KnownInstances | None = None, *, shifted_dates: bool = False
) -> tuple[Finding, ...]:
    """Return what speaks against the series belonging to one visit of one subject, whatever their order.

    Patients, examinations and days are compared with each other, so all digests must come from one place: the keys of
    patients and the dates that de-identification leaves are its own. With `shifted_dates` no date is written, only how
    far they lie apart.
    """
    known = known or KnownInstances()
    ordered = sorted(digests, key=lambda digest: (digest.series_number or 0, digest.series_uid))
    findings = [*_patients(ordered, known), *_studies(ordered, shifted_dates)]
    for digest in ordered:
        findings += _sent_before(digest, known.other_subjects, catalogue.OTHER_SUBJECT)
        findings += _sent_before(digest, known.other_visits, catalogue.OTHER_VISIT)
    return tuple(findings)


def series_words(digest: SeriesDigest) -> str:
    """Return a series as people find it at the scanner: "series 7, 'PV 3.0'"."""
    number = "a series without a number" if digest.series_number is None else f"series {digest.series_number}"
    return f"{number}, '{digest.description}'" if digest.description else number


def series_subject(digest: SeriesDigest) -> str:
    """Return a series as the subject of a sentence, the comma behind it included: "series 7, 'PV 3.0',"."""
    return f"{series_words(digest)}," if digest.description else series_words(digest)


def _patients(digests: Sequence[SeriesDigest], known: KnownInstances) -> list[Finding]:
    named = [digest for digest in digests if digest.patient_key]
    groups = _group(named, [digest.patient_key for digest in named])
    if len(groups) > 1:
        return [catalogue.TWO_PATIENTS.found(str(len(groups)), where=_list(groups, "patient"))]
    if known.patient_keys and groups and not known.patient_keys & groups.keys():
        where = named_series(named)
        return [catalogue.OTHER_PATIENT.found("another patient", where=where)]
    return []


def _studies(digests: Sequence[SeriesDigest], shifted_dates: bool) -> list[Finding]:
    """Several studies of one patient; of several patients there is a finding already."""
    if len({digest.patient_key for digest in digests if digest.patient_key}) > 1:
        return []
    groups = _group(digests, [digest.study_uid for digest in digests])
    if len(groups) < 2:
        return []
    where = _list(groups, "examination")
    dates = {study: _date(group) for study, group in groups.items()}
    known_dates = sorted({date for date in dates.values() if date})
    if len(known_dates) > 1:
        days = _apart(known_dates) if shifted_dates else " and ".join(_written(date) for date in known_dates)
        return [catalogue.TWO_DATES.found(days, where=where)]
    return [catalogue.TWO_STUDIES.found(str(len(groups)), where=where)]


def _sent_before(digest: SeriesDigest, sent: Mapping[str, str], rule: Rule) -> list[Finding]:
    """Return one finding per place where instances of this series were sent already."""
    by_uid: Counter[str] = Counter()
    by_pixels: Counter[str] = Counter()
    different: dict[str, set[str]] = {}
    for instance in digest.instances:
        if instance.sop_instance_uid in sent:
            by_uid[sent[instance.sop_instance_uid]] += 1
        elif instance.pixel_sha256 and instance.pixel_sha256 in sent:
            where = sent[instance.pixel_sha256]
            by_pixels[where] += 1
            different.setdefault(where, set()).add(instance.pixel_sha256)
    findings = []
    for where in sorted(by_uid.keys() | by_pixels.keys()):
        enough = min(catalogue.MIN_SHARED_PICTURES, digest.n_instances)
        if not by_uid[where] and len(different[where]) < enough:
            continue
        found = f"{by_uid[where] + by_pixels[where]} of {digest.n_instances} images"
        findings.append(rule.found(found, where=where, series=series_subject(digest)))
    return findings


def _group(digests: Sequence[SeriesDigest], keys: Sequence[str]) -> dict[str, list[SeriesDigest]]:
    groups: dict[str, list[SeriesDigest]] = {}
    for digest, key in zip(digests, keys, strict=True):
        groups.setdefault(key, []).append(digest)
    return groups


def _list(groups: Mapping[str, Sequence[SeriesDigest]], noun: str) -> str:
    """Return which series belong together, no identifiers: "patient 1: series 2; patient 2: series 5"."""
    called = Counter(series_words(digest) for group in groups.values() for digest in group)
    namesakes = {words for words, number in called.items() if number > 1}
    return "; ".join(
        f"{noun} {position}: {named_series(group, namesakes)}"
        for position, group in enumerate(groups.values(), start=1)
    )


def named_series(digests: Sequence[SeriesDigest], namesakes: Collection[str] = ()) -> str:
    """Return series in words, the first few by name: "series 2, 'Neck' and series 3 and 9 more".

    Namesakes are told apart by their size: most first series of two scanners are a "series 2" without description.
    """
    words = [series_words(digest) for digest in digests[:MOST_NAMED]]
    words = [
        f"{name} of {counted(digest.n_instances, 'image')}" if name in namesakes else name
        for name, digest in zip(words, digests, strict=False)
    ]
    more = len(digests) - len(words)
    return " and ".join(words) + (f" and {more} more" if more else "")


def _date(digests: Sequence[SeriesDigest]) -> str:
    """Return the date of an examination as DICOM writes it, empty when no header says it."""
    for digest in digests:
        for name in ("StudyDate", "AcquisitionDate"):
            for text in texts(digest.header.get(name)):
                return text
    return ""


def _apart(dates: Sequence[str]) -> str:
    """Return how far the first and the last of several DICOM dates lie apart: "2 days, 14 days apart"."""
    days = [datetime.strptime(date, "%Y%m%d") for date in dates if re.fullmatch(r"\d{8}", date)]
    words = f"{len(dates)} different days"
    return f"{words}, {counted((days[-1] - days[0]).days, 'day')} apart" if len(days) == len(dates) else words


def _written(date: str) -> str:
    """Return a DICOM date as the site writes it: "2 Dec 1997"."""
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    if len(date) == 8 and date.isdigit() and 1 <= int(date[4:6]) <= 12:
        return f"{int(date[6:])} {months[int(date[4:6]) - 1]} {date[:4]}"
    return date
