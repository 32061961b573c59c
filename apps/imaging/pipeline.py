"""The whole story on one screen: files -> series -> digest -> labels -> findings -> slot board."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apps.imaging.bundle import ModelBundle
from apps.imaging.digest import SeriesDigest, build_digest
from apps.imaging.ensemble import Classification, ModuleAnswer
from apps.imaging.findings import Finding, Severity
from apps.imaging.headers import RefusedFile, SeriesFiles, group_into_series, read_headers
from apps.imaging.rules import check_series_rules, is_scan
from apps.imaging.slots import Candidate, SlotBoard, match
from apps.imaging.sources import collect
from apps.imaging.spec import ImagingSpec


@dataclass(frozen=True)
class SeriesReport:
    """What CoreQC says of one series. `classification` is None when there are no pictures to look at."""

    digest: SeriesDigest
    classification: Classification | None
    findings: tuple[Finding, ...]
    bundle: dict[str, str]
    seconds: float

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
            "abstained": self.abstained,
            "reason": self.reason,
            "findings": [finding.to_json() for finding in self.findings],
            "bundle": self.bundle,
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
    return bundle.classify(digest.pictures) if digest.pictures and is_scan(digest) else None


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
    return SeriesReport(digest, classification, findings, bundle.identity, time.perf_counter() - started)


def check_paths(
    paths: Sequence[Path],
    bundle: ModelBundle,
    spec: ImagingSpec | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
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
            yield _check_one(series, bundle, spec)


def match_reports(spec: ImagingSpec, reports: Sequence[SeriesReport]) -> SlotBoard:
    """Return the slot board of all reports; the key of a series on it is its place among them, "0", "1", ..."""
    return match(
        spec,
        [Candidate(str(index), report.digest, report.classification) for index, report in enumerate(reports)],
    )


def _check_one(series: SeriesFiles, bundle: ModelBundle, spec: ImagingSpec | None) -> SeriesReport | UncheckedSeries:
    """Check one series; an error of our own in it must not take the other series along."""
    try:
        report = check_series(series, bundle, spec)
    except Exception as error:
        return UncheckedSeries(series, error)
    return replace(report, digest=replace(report.digest, pictures={}))


def _answer_json(answer: ModuleAnswer | None) -> dict[str, Any]:
    """Return one answer as plain values, all of them empty when there were no pictures to look at."""
    if answer is None:
        return {"label": None, "score": None, "scores": {}, "planes": {}, "abstained": True}
    stored = answer.to_json()
    return {name: stored[name] for name in ("label", "score", "scores", "planes", "abstained")}
