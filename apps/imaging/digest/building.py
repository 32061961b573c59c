"""build_digest: one pass over the files of a series, never more than a few slices in memory."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from apps.imaging.digest import sentences
from apps.imaging.digest.reading import SeriesReading
from apps.imaging.digest.records import DIGEST_SCHEMA, HeaderFact, SeriesDigest
from apps.imaging.findings import Finding
from apps.imaging.geometry import Slice, Stack, arrange, slices_of
from apps.imaging.geometry.stack import LEAST_KEPT_PART
from apps.imaging.headers import InstanceHeader, SeriesFiles
from apps.imaging.projections import Pictures, Projector

AIR_HU = -300
"""Below this is air or, at most, lung: a series without anything above shows no patient."""

LEAST_BODY_PART = 0.0005
"""The part of the MIP along the slices that must be above `AIR_HU`: a finger in a field of 50 cm covers more."""


def build_digest(series: SeriesFiles, *, threads: int = 2) -> SeriesDigest:
    """Return the digest of `series`; a bad scan is no error but a finding, and then perhaps no pictures.

    Each file is read once (once more where some cannot be decoded). Pictures are made where the series is CT and its
    slices make one volume.

    Parameters
    ----------
    series
        The files of one series, as `group_into_series` gives them.
    threads
        How many files (or frames of one file) are decoded at a time.
    """
    reading = SeriesReading(series.headers, threads)
    stack = _stack(series, slices_of(series))
    projector = reading.run(stack)
    while reading.broke(stack):
        # A slice that cannot be decoded leaves a hole: the others are arranged, and read again, without it.
        stack = _stack(series, [one for one in slices_of(series) if one.header.path not in reading.failures])
        projector = reading.run(stack)
    findings = sentences.unreadable_images(reading.failures, series.headers)
    if may_be_a_volume(series):
        findings += [*stack.findings, *reading.rescale_findings(stack), *reading.same_place_findings(stack)]
        findings += sentences.lossy(_series_facts(series.headers))
    pictures: Pictures = {}
    if projector is not None and len(reading.failures) <= (1 - LEAST_KEPT_PART) * len(series.headers):
        pictures, nothing_seen = _pictures(projector)
        findings += nothing_seen
    return SeriesDigest(
        schema=DIGEST_SCHEMA,
        series_uid=series.series_uid,
        study_uid=series.study_uid,
        patient_key=series.patient_key,
        description=series.description,
        series_number=series.number,
        modality=series.modality,
        n_instances=len(series.headers),
        header=_series_facts(series.headers),
        geometry=stack.facts if pictures else replace(stack.facts, slices=0),
        instances=reading.instances(),
        findings=tuple(findings),
        pictures=pictures,
    )


def may_be_a_volume(series: SeriesFiles) -> bool:
    """Return whether a volume is worth a try: CT, and more than scout pictures. The rules tell of the others."""
    return series.modality == "CT" and not all(header.is_localizer for header in series.headers)


def _stack(series: SeriesFiles, slices: list[Slice]) -> Stack:
    stack = arrange(slices)
    return stack if may_be_a_volume(series) else replace(stack, places=())


def _pictures(projector: Projector) -> tuple[Pictures, list[Finding]]:
    """Return the pictures, or the finding that there is nothing to see on them."""
    if float((projector.highest_along_slices > AIR_HU).mean()) < LEAST_BODY_PART:
        return {}, [sentences.only_air()]
    return projector.pictures(), []


def _series_facts(headers: Sequence[InstanceHeader]) -> dict[str, HeaderFact]:
    """Return per fact what most of the images say; scouts do not count where there are others."""
    scans = [header for header in headers if not header.is_localizer] or list(headers)
    said: dict[str, Counter[str]] = {}
    for header in scans:
        for keyword, value in header.facts.items():
            said.setdefault(keyword, Counter())[json.dumps(value)] += 1
    return {keyword: json.loads(counts.most_common(1)[0][0]) for keyword, counts in sorted(said.items())}
