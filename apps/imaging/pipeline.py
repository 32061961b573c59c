"""The whole story on one screen: files -> series -> digest -> labels -> findings -> slot board."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apps.imaging.bundle import ModelBundle
from apps.imaging.coverage import REGIONS_OF, CoverageAnswer, CoverageLimits, not_answered
from apps.imaging.digest import SeriesDigest, build_digest
from apps.imaging.ensemble import Abstention, Classification, ModuleAnswer
from apps.imaging.findings import Finding, Severity
from apps.imaging.geometry import GeometryFacts
from apps.imaging.headers import RefusedFile, SeriesFiles, group_into_series, read_headers
from apps.imaging.rules import body_part_words, check_series_rules, is_scan
from apps.imaging.slots import Candidate, SlotBoard, match
from apps.imaging.sources import collect
from apps.imaging.spec import ImagingSpec

LEAST_REGIONS = 2
"""A limb or a test object can look like one region; several in the right order are a body, whatever the label."""


LARGE_PART = 0.5
"""A region beside those of the label that is at least this share of their length is a body part of its own: lung bases
above an abdomen are less."""


@dataclass(frozen=True)
class SeriesReport:
    """What CoreQC says of one series. `classification` is None when there are no pictures to look at.

    `folder` is where a person finds the files; it stays with that person and is no part of the JSON.
    """

    digest: SeriesDigest
    classification: Classification | None
    findings: tuple[Finding, ...]
    bundle: dict[str, str]
    seconds: float
    folder: str = ""

    @property
    def abstained(self) -> bool:
        """True when the body part or the contrast is not answered."""
        return self.classification is None or self.classification.abstained

    @property
    def reason(self) -> str:
        """Why a label is not answered, empty when both are."""
        if self.classification is not None:
            return self.classification.reason
        order = list(Severity)
        ranked = sorted(self.findings, key=lambda finding: order.index(finding.severity))
        return ranked[0].sentence if ranked else "No pictures could be made of this series."

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values: one line of `python -m apps.imaging check --json`."""
        answers = self.classification
        return {
            "series_uid": self.digest.series_uid,
            "description": self.digest.description,
            "n_instances": self.digest.n_instances,
            "geometry": self.digest.geometry.to_json(),
            "body_part": _answer_json(answers.body_part if answers else None),
            "contrast": _answer_json(answers.contrast if answers else None),
            "coverage": answers.coverage.to_json() if answers and answers.coverage else None,
            "abstained": self.abstained,
            "reason": self.reason,
            "findings": [finding.to_json() for finding in self.findings],
            "bundle": self.bundle,
            "recipe": answers.recipe if answers else None,
            "device": answers.device if answers else None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class UncheckedSeries:
    """A series at which CoreQC itself failed; it is told, and the other series go on."""

    series: SeriesFiles
    error: Exception

    @property
    def sentence(self) -> str:
        """What happened and what to do next."""
        return (
            f"The series {self.series.description or self.series.series_uid} could not be checked "
            f"({type(self.error).__name__}: {self.error}). The other series are not affected; "
            "export this one again, and report the message to whoever runs CoreQC if it comes back."
        )


@dataclass(frozen=True)
class FoundSeries:
    """The series among some files, and the files that belong to none."""

    series: tuple[SeriesFiles, ...]
    refused: tuple[RefusedFile, ...]


def find_series(paths: Sequence[Path], unpack_into: Path) -> FoundSeries:
    """Sort files, folders and zips into series; what a zip holds is unpacked into the folder `unpack_into`."""
    collection = collect(paths, unpack_into)
    headers, refused = read_headers(collection.files, collection.names)
    return FoundSeries(tuple(group_into_series(headers)), (*collection.refused, *refused))


def classify(digest: SeriesDigest, bundle: ModelBundle) -> Classification | None:
    """Return the labels of a series; None for what has no pictures or is no CT scan at all, a localizer for example."""
    if not digest.pictures or not is_scan(digest):
        return None
    said = bundle.classify(digest.pictures)
    if said.coverage is not None and bundle.coverage is not None:
        coverage = locate(said.coverage, said.body_part, digest.geometry, bundle.coverage.limits)
        said = replace(said, coverage=coverage, body_part=of_one_body_part(said.body_part, coverage))
    limits = bundle.modules["body_part"].abstention
    contrast = of_a_known_body(said.contrast, said.body_part, said.coverage, limits)
    return replace(said, contrast=of_what_is_asked(contrast, said.body_part, bundle.modules["contrast"].not_of))


def of_one_body_part(body_part: ModuleAnswer, coverage: CoverageAnswer) -> ModuleAnswer:
    """Return the body part, silenced where the series covers more than one: a scan of the trunk is no chest."""
    own = REGIONS_OF.get(body_part.label or "", ())
    if not own or not coverage.answered:
        return body_part
    lengths = {region.name: region.length_mm or 0.0 for region in coverage.regions}
    own_mm = sum(lengths.get(name, 0.0) for name in own)
    if all(length < LARGE_PART * own_mm for name, length in lengths.items() if name not in own):
        return body_part
    reason = (
        f"The body part is not answered: the series covers {coverage.words}, which is more than one body part. "
        "It can stand for each of them that it covers whole."
    )
    return replace(body_part, label=None, abstained=True, reason=reason)


def of_a_known_body(
    contrast: ModuleAnswer, body_part: ModuleAnswer, coverage: CoverageAnswer | None, limits: Abstention
) -> ModuleAnswer:
    """Return the contrast, silenced where the body part module does not know such pictures (`limits` are its own).

    Contrast is read from how bright soft tissue is. The plastic of a test object can be as bright as blood, and the
    contrast module alone cannot tell: nearly any brightness is like that of some pictures of its training. What covers
    several regions is a body, whatever its body part; so is what scores well while a plane says something else.
    """
    a_body = coverage is not None and coverage.answered and len(coverage.names) >= LEAST_REGIONS
    far = body_part.distance is not None and body_part.distance > limits.max_distance
    known = not body_part.is_out_of_scope and not far and body_part.score >= limits.min_score
    if contrast.abstained or a_body or known:
        return contrast
    reason = (
        "The contrast is not answered: the pictures do not clearly show a body part that the ensemble knows, and only "
        "in those can it tell bright vessels from other bright things. Look at the series and set the contrast by hand."
    )
    return replace(contrast, label=None, abstained=True, reason=reason)


def of_what_is_asked(contrast: ModuleAnswer, body_part: ModuleAnswer, not_of: Sequence[str]) -> ModuleAnswer:
    """Return the contrast, silenced of body parts in which the bundle says that it cannot tell it (`not_of`).

    What the pictures look like most decides, whether it became a label or not.
    """
    looks_like = max(body_part.scores, key=body_part.scores.__getitem__, default="")
    if contrast.abstained or looks_like not in not_of:
        return contrast
    reason = (
        f"The contrast is not answered: in pictures of {body_part_words(looks_like)} this ensemble cannot tell it. "
        "Look at the series and set the contrast by hand."
    )
    return replace(contrast, label=None, abstained=True, reason=reason)


def locate(
    coverage: CoverageAnswer, body_part: ModuleAnswer, geometry: GeometryFacts, limits: CoverageLimits
) -> CoverageAnswer:
    """Return the coverage in millimetres, or why it cannot be relied on.

    The picture's rows are the slices, evenly: between unevenly spaced slices the millimetres are approximate.
    """
    if coverage.reason:
        return coverage
    regions = REGIONS_OF.get(body_part.label or "", ())
    if body_part.is_out_of_scope and len(coverage.names) < LEAST_REGIONS:
        return coverage.without(not_answered("the pictures look like none of the body parts from head to pelvis"))
    if regions and not set(regions) & set(coverage.names):
        whole = body_part_words(body_part.label or "")
        return coverage.without(not_answered(f"as a whole it looks like {whole}, row by row like {coverage.words}"))
    if geometry.plane != "axial":
        return coverage.without(not_answered("its slices are not axial"))
    if geometry.z_mm is None or geometry.slices < 2:
        return coverage.without(not_answered("it is not known at which heights the slices lie"))
    if geometry.gaps:
        return coverage.without(not_answered("slices are missing, so heights cannot be measured"))
    low, high = geometry.z_mm
    half = (high - low) / (geometry.slices - 1) / 2
    return coverage.located(high + half, low - half, limits)


def check_series(series: SeriesFiles, bundle: ModelBundle, spec: ImagingSpec | None = None) -> SeriesReport:
    """Check one series: digest, labels, findings.

    With a specification, the series is also held against the slot that it fits best, as if it stood alone; the
    whole board is `match_reports`. A bad scan is an answer, with findings; nothing is raised for it.
    """
    started = time.perf_counter()
    digest = build_digest(series)
    classification = classify(digest, bundle)
    findings = (*digest.findings, *check_series_rules(digest, classification))
    if spec is not None:
        board = match(spec, [Candidate(digest.series_uid, digest, classification)])
        findings = next((slot.findings for slot in board.slots if slot.series is not None), findings)
    seconds = time.perf_counter() - started
    return SeriesReport(digest, classification, findings, bundle.identity, seconds, series.folder)


def check_paths(
    paths: Sequence[Path],
    bundle: ModelBundle,
    spec: ImagingSpec | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    look: Callable[[SeriesReport], None] | None = None,
) -> Iterator[SeriesReport | UncheckedSeries | RefusedFile]:
    """Check every series among files, folders and zips; each file ends in a series or in a refusal.

    Parameters
    ----------
    paths
        Files, folders and zips.
    bundle
        The ensemble.
    spec
        What a visit asks for, if the series are to be held against it.
    progress
        Called before each series with its number, from 1, and the number of all.
    look
        Called with each report while it still has its pictures.

    Yields
    ------
    RefusedFile, then SeriesReport or UncheckedSeries per series
        Pictures are dropped from the digests, so that a caller can keep all reports.
    """
    with TemporaryDirectory(prefix="coreqc-") as unpack_into:
        found = find_series(paths, Path(unpack_into))
        yield from found.refused
        for number, series in enumerate(found.series, start=1):
            if progress is not None:
                progress(number, len(found.series))
            outcome = _check_one(series, bundle, spec)
            if isinstance(outcome, SeriesReport):
                if look is not None:
                    look(outcome)
                outcome = replace(outcome, digest=replace(outcome.digest, pictures={}))
            yield outcome


def match_reports(spec: ImagingSpec, reports: Sequence[SeriesReport]) -> SlotBoard:
    """Return the slot board of all reports; the key of a series on it is its place among them, "0", "1", ..."""
    return match(
        spec,
        [Candidate(str(index), report.digest, report.classification) for index, report in enumerate(reports)],
    )


def _check_one(series: SeriesFiles, bundle: ModelBundle, spec: ImagingSpec | None) -> SeriesReport | UncheckedSeries:
    """Check one series; an error of our own in it must not take the other series along."""
    try:
        return check_series(series, bundle, spec)
    except Exception as error:
        return UncheckedSeries(series, error)


def _answer_json(answer: ModuleAnswer | None) -> dict[str, Any]:
    """Return one answer as plain values, all of them empty when there were no pictures to look at."""
    if answer is None:
        return {"label": None, "score": None, "scores": {}, "planes": {}, "abstained": True, "distance": None}
    stored = answer.to_json()
    return {name: stored[name] for name in ("label", "score", "scores", "planes", "abstained", "distance")}
