"""What follows from a series once its pixels were seen, here or in a browser: findings, pictures, the digest."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.imaging.digest import sentences
from apps.imaging.digest.records import DIGEST_SCHEMA, HeaderFact, InstanceFact, SeriesDigest
from apps.imaging.findings import Finding
from apps.imaging.geometry import Slice, Stack, arrange, slices_of
from apps.imaging.geometry.stack import LEAST_KEPT_PART, common_rescale, rescales
from apps.imaging.headers import InstanceHeader, SeriesFiles
from apps.imaging.hounsfield import Rescale, usable
from apps.imaging.projections import Pictures

LEAST_BODY_PART = 0.0005
"""The part of the MIP along the slices that must be above `AIR_HU`: a finger in a field of 50 cm covers more."""

AIR_HU = -300
"""Below this is air or, at most, lung: a series without anything above shows no patient."""

FrameKey = tuple[Path, int]
"""File and frame number (from 0)."""


@dataclass(frozen=True)
class Seen:
    """What was seen in the pixels of a series.

    `failures` tells per file why its pixels could not be decoded; `frame_hashes` has a hash of the stored values of
    each image that shares its place with others; `body_part` is the part of the MIP along the slices above `AIR_HU`,
    None where no volume was seen; `not_here` says why nothing was decoded at all, through no fault of the images.
    """

    instances: tuple[InstanceFact, ...]
    failures: Mapping[Path, str]
    frame_hashes: Mapping[FrameKey, str]
    body_part: float | None
    pictures: Callable[[], Pictures]
    not_here: str = ""


def may_be_a_volume(series: SeriesFiles) -> bool:
    """Return whether a volume is worth a try: CT, and more than scout pictures. The rules tell of the others."""
    return series.modality == "CT" and not all(header.is_localizer for header in series.headers)


def stack_without(series: SeriesFiles, failures: Mapping[Path, str]) -> Stack:
    """Return the slices of `series` in order, without those of files that could not be decoded."""
    stack = arrange([one for one in slices_of(series) if one.header.path not in failures])
    return stack if may_be_a_volume(series) else replace(stack, places=())


def rescale_of(stack: Stack) -> dict[FrameKey, Rescale]:
    """Return how the slices of the volume become HU; empty when there is none, or nothing sound can be assumed."""
    scales = rescales(stack.chosen)
    return dict(zip(map(frame_key, stack.chosen), scales or (), strict=False))


def crowded(stack: Stack) -> list[tuple[Slice, ...]]:
    """Return the places at which several images lie, of a series that can be shown."""
    return [place for place in stack.places if len(place) > 1] if rescale_of(stack) else []


def broke(stack: Stack, failures: Mapping[Path, str]) -> bool:
    """Return whether a slice of `stack` could not be decoded."""
    return any(one.header.path in failures for place in stack.places for one in place)


def too_few_decoded(series: SeriesFiles, failures: Mapping[Path, str]) -> bool:
    """Return whether so many files cannot be decoded that the others are not shown."""
    return len(failures) > (1 - LEAST_KEPT_PART) * len(series.headers)


def conclude(series: SeriesFiles, stack: Stack, seen: Seen) -> SeriesDigest:
    """Return the digest of `series`, whose volume is `stack`; a bad scan is no error but a finding."""
    if seen.not_here:
        findings = [sentences.checked_after_transfer(seen.not_here)]
    else:
        findings = sentences.unreadable_images(seen.failures, series.headers)
    if may_be_a_volume(series):
        findings += [*stack.findings, *_rescale_findings(stack), *_same_place_findings(stack, seen)]
        findings += sentences.lossy(_series_facts(series.headers))
    pictures: Pictures = {}
    if seen.body_part is not None and not seen.not_here and not too_few_decoded(series, seen.failures):
        if seen.body_part < LEAST_BODY_PART:
            findings.append(sentences.only_air())
        else:
            pictures = seen.pictures()
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
        instances=tuple(sorted(seen.instances, key=lambda fact: (fact.sop_instance_uid, fact.sha256))),
        findings=tuple(findings),
        pictures=pictures,
    )


def _rescale_findings(stack: Stack) -> list[Finding]:
    """Return what is wrong with the rescale of the slices in `stack`."""
    without = [one for one in stack.chosen if not usable(one.frame.slope, one.frame.intercept)]
    return sentences.rescale(without, len(stack.places), common_rescale(stack.chosen))


def _same_place_findings(stack: Stack, seen: Seen) -> list[Finding]:
    """Return what is wrong where several images lie at one place: copies, or different ones."""
    if seen.not_here:
        return []
    copies: list[Sequence[Slice]] = []
    different: list[Sequence[Slice]] = []
    for place in crowded(stack):
        hashes = {seen.frame_hashes.get(frame_key(one), "") for one in place}
        (copies if len(hashes) == 1 else different).append(place)
    return sentences.same_place(copies, different, len(stack.places))


def _series_facts(headers: Sequence[InstanceHeader]) -> dict[str, HeaderFact]:
    """Return per fact what most of the images say; scouts do not count where there are others."""
    scans = [header for header in headers if not header.is_localizer] or list(headers)
    said: dict[str, Counter[str]] = {}
    for header in scans:
        for keyword, value in header.facts.items():
            said.setdefault(keyword, Counter())[json.dumps(value)] += 1
    return {keyword: json.loads(counts.most_common(1)[0][0]) for keyword, counts in sorted(said.items())}


def frame_key(one: Slice) -> FrameKey:
    """Return the file and the frame number of a slice."""
    return one.header.path, one.frame_index
