"""Reports as text for a terminal: what `python -m apps.imaging check` says without --json."""

import textwrap
from collections.abc import Callable, Iterable, Sequence

from apps.imaging.ensemble import ModuleAnswer
from apps.imaging.findings import Finding, Severity
from apps.imaging.pipeline import SeriesReport
from apps.imaging.rules import check_identity
from apps.imaging.rules.identity import series_words
from apps.imaging.slots import SlotBoard
from apps.imaging.spec import ImagingSpec
from apps.imaging.vocabulary import PLANES, body_part_name, contrast_words

WIDTH = 100
"""Columns of the text; narrow enough for a terminal beside a browser."""


def series_text(report: SeriesReport) -> str:
    """Return one series: what it is, what the pictures show, and its findings, the gravest first."""
    name = series_words(report.digest)
    where = f", in {report.folder}" if report.folder else ""
    lines = [f"{name[0].upper()}{name[1:]}{where}", f"  {_size_words(report)}"]
    if report.classification is None:
        lines += _wrapped("no labels", report.reason)
    else:
        lines += _answer_lines("body part", report.classification.body_part, body_part_name)
        lines += _answer_lines("contrast", report.classification.contrast, contrast_words)
        if report.classification.coverage is not None:
            lines += _wrapped("coverage", report.classification.coverage.sentence)
    told = report.reason if report.classification is None else ""
    lines += _finding_lines(finding for finding in report.findings if finding.sentence != told)
    return "\n".join(lines)


def board_text(spec: ImagingSpec, board: SlotBoard, reports: Sequence[SeriesReport]) -> str:
    """Return the slot board: what speaks against all series together, each slot, then what stands for none."""
    lines = [f"{spec.name}, version {spec.version}"]
    lines += _finding_lines(check_identity([report.digest for report in reports]))
    for slot in board.slots:
        lines += _wrapped(str(slot.status), slot.sentence)
    for series in board.unused:
        words = series_words(reports[int(series.series)].digest)
        lines += _wrapped("unused", f"{words[0].upper()}{words[1:]}: {series.reason}")
    return "\n".join(lines)


def summary_text(reports: Sequence[SeriesReport], unchecked: int, unread: int) -> str:
    """Return the last line: how many series were checked, with what, and how many files were not read."""
    abstained = sum(report.abstained for report in reports)
    parts = [_count(len(reports), "series", "series") + " checked"]
    if abstained:
        parts.append(f"{abstained} of them to be looked at by a person")
    if unchecked:
        parts.append(f"{_count(unchecked, 'series', 'series')} not checked")
    parts.append(f"{_count(unread, 'file', 'files')} not read" if unread else "every file read")
    bundle = reports[0].bundle if reports else {}
    made_with = f" Bundle {bundle['name']} {bundle['version']} ({bundle['sha256'][:12]})." if bundle else ""
    return f"{', '.join(parts)}.{made_with}"


def _size_words(report: SeriesReport) -> str:
    """Return the size of a series: "64 slices, 5 mm thick, 5 mm apart, 320 mm long, axial"."""
    geometry = report.digest.geometry
    if not geometry.slices:
        return f"{_count(report.digest.n_instances, 'file', 'files')} of modality {report.digest.modality or 'unknown'}"
    parts = [_count(geometry.slices, "slice", "slices")]
    for length, word in (
        (geometry.slice_thickness_mm, "thick"),
        (geometry.slice_spacing_mm, "apart"),
    ):
        if length is not None:
            parts.append(f"{round(length, 2):g} mm {word}")
    if geometry.coverage_mm is not None:
        parts.append(f"{geometry.coverage_mm:.0f} mm long")
    if geometry.plane:
        parts.append(geometry.plane)
    return ", ".join(parts)


def _answer_lines(module: str, answer: ModuleAnswer, words: Callable[[str], str]) -> list[str]:
    """Return an answer with what each plane says for itself; a plane's label only where it is another one."""
    planes = ", ".join(
        f"{plane} {_vote_words(answer.planes[plane], answer, words)}" for plane in PLANES if plane in answer.planes
    )
    if answer.label is None:
        return _wrapped(module, f"not sure ({planes}). {answer.reason}")
    return _wrapped(module, f"{words(answer.label)}, score {answer.score:.2f} ({planes})")


def _vote_words(scores: dict[str, float], answer: ModuleAnswer, words: Callable[[str], str]) -> str:
    label = max(scores, key=scores.__getitem__)
    score = f"{scores[label]:.2f}"
    if label == answer.label:
        return score
    return f"{'something else' if label in answer.silent else words(label)} {score}"


def _finding_lines(findings: Iterable[Finding]) -> list[str]:
    order = list(Severity)
    lines: list[str] = []
    for finding in sorted(findings, key=lambda one: order.index(one.severity)):
        lines += _wrapped(str(finding.severity), finding.sentence)
    return lines


def _wrapped(label: str, sentence: str) -> list[str]:
    """Return a sentence with its label at the left, wrapped and indented."""
    return textwrap.wrap(sentence, WIDTH, initial_indent=f"  {label:<13}", subsequent_indent=" " * 15)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
