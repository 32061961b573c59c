"""Rules for a series in the slot that it is to fill: labels and limits of the protocol."""

from collections.abc import Callable, Sequence

from apps.imaging.coverage import REGIONS_OF, CoverageAnswer
from apps.imaging.digest import SeriesDigest
from apps.imaging.ensemble import Classification, ModuleAnswer
from apps.imaging.findings import Finding
from apps.imaging.geometry import GeometryFacts
from apps.imaging.rules import catalogue
from apps.imaging.rules.header import header_body_parts, header_contrast, number, texts
from apps.imaging.rules.series import body_part_words
from apps.imaging.spec import EITHER, SeriesSpec
from apps.imaging.vocabulary import contrast_words


def check_against(
    digest: SeriesDigest, classification: Classification | None, required: SeriesSpec
) -> tuple[Finding, ...]:
    """Return what keeps this series from filling the slot as the protocol asks; empty when nothing does.

    `classification` is None when no pictures could be made. The findings of the series itself
    (`check_series_rules`, `digest.findings`) are not repeated.
    """
    findings: list[Finding] = []
    if classification is None:
        findings.append(catalogue.NO_LABELS.found("no pictures"))
    else:
        findings += _check_body_part(digest, classification, required)
        findings += _check_contrast(digest, classification.contrast, required)
    findings += _check_lengths(digest, required)
    findings += _check_acquisition(digest, required)
    return tuple(findings)


def _check_body_part(digest: SeriesDigest, classification: Classification, required: SeriesSpec) -> list[Finding]:
    """Return what label and coverage say against the slot: either may fill it, but not what the coverage lacks."""
    wanted, answer = required.body_part, classification.body_part
    shown, coverage = answer.label, classification.coverage
    regions = REGIONS_OF.get(wanted, ())
    # Without a label, one region is no more than a second guess; several in the order of the body are a trunk.
    trunk = coverage is not None and coverage.answered and len(coverage.names) > 1
    if coverage is not None and shown != wanted and coverage.covers(regions) and (shown is not None or trunk):
        wider = (shown, wanted) == ("abdomen_pelvis", "abdomen")
        rule = catalogue.BODY_PART_WIDER if wider else catalogue.BODY_PART_COVERED
        return [rule.found(coverage.words, expected=body_part_words(wanted), where=coverage.sentence)]
    if shown is None and coverage is not None and trunk and regions:
        if any(coverage.covers((name,)) for name in regions):
            return [_incomplete(coverage, regions, wanted)]
        return [
            catalogue.BODY_PART.found(
                f"the {coverage.words}",
                expected=body_part_words(wanted),
                where=coverage.sentence,
                wanted=body_part_words(wanted)[4:],
            )
        ]
    if shown is None:
        return [
            catalogue.BODY_PART_UNSURE.found(
                _best_guess(answer, body_part_words), expected=body_part_words(wanted), where=_scores(answer)
            )
        ]
    near = shown == wanted or (shown, wanted) in (("abdomen_pelvis", "abdomen"), ("abdomen", "abdomen_pelvis"))
    if coverage is not None and near and coverage.lacking(regions):
        return [_incomplete(coverage, regions, wanted)]
    if shown == wanted:
        return []
    if wanted not in answer.scores:
        return [
            catalogue.BODY_PART_UNSURE.found(
                f"the ensemble does not know {body_part_words(wanted)}; of what it knows, it looks like "
                f"{body_part_words(shown)}",
                expected=body_part_words(wanted),
                where=_scores(answer),
            )
        ]
    if (shown, wanted) == ("abdomen_pelvis", "abdomen"):
        return [catalogue.BODY_PART_WIDER.found(body_part_words(shown), expected=body_part_words(wanted))]
    if (shown, wanted) == ("abdomen", "abdomen_pelvis"):
        if answer.scores.get(wanted, 0.0) >= catalogue.BORDER_SCORE:
            return [
                catalogue.BODY_PART_BORDER.found(
                    f"the abdomen (score {answer.scores[shown]:.2f}) or {body_part_words(wanted)} "
                    f"(score {answer.scores[wanted]:.2f})",
                    expected=body_part_words(wanted),
                )
            ]
    findings = [
        catalogue.BODY_PART.found(
            body_part_words(shown),
            expected=body_part_words(wanted),
            where=_scores(answer),
            wanted="pelvis too" if (shown, wanted) == ("abdomen", "abdomen_pelvis") else body_part_words(wanted)[4:],
        )
    ]
    said = header_body_parts(digest)
    if said is not None and wanted in said[1] and shown not in said[1]:
        findings.append(
            catalogue.BODY_PART_HEADER_AGREES.found(
                said[0], expected=body_part_words(wanted), where="BodyPartExamined (0018,0015)"
            )
        )
    return findings


def _incomplete(coverage: CoverageAnswer, regions: Sequence[str], wanted: str) -> Finding:
    """Return the finding of a series that ends before it has shown all that the slot asks for."""
    missing, lengths = [], []
    for name in regions:
        region = coverage.region(name)
        lengths.append(f"{name} none" if region is None else f"{name} {region.length_mm:.0f} mm")
        if region is None:
            missing.append(f"the {name} is not on this series")
        elif not region.complete:
            missing.append(f"the {name} is cut off after {region.length_mm:.0f} mm")
    return catalogue.COVERAGE_INCOMPLETE.found(
        ", ".join(lengths),
        expected=", ".join(f"{name} {coverage.least_mm[name]:.0f} mm or more" for name in regions),
        where=coverage.sentence,
        wanted=body_part_words(wanted),
        missing=" and ".join(missing),
    )


def _check_contrast(digest: SeriesDigest, answer: ModuleAnswer, required: SeriesSpec) -> list[Finding]:
    wanted, shown = required.contrast, answer.label
    if wanted == EITHER or (shown is not None and required.accepts_contrast(shown)):
        return []
    expected = contrast_words(wanted)
    if shown == "enhanced" and wanted not in answer.scores:
        return [
            catalogue.CONTRAST_UNSURE.found(
                "it looks like a scan with contrast, but the ensemble does not tell the phases apart",
                expected=expected,
                where=_scores(answer),
            )
        ]
    if shown is None:
        return [
            catalogue.CONTRAST_UNSURE.found(
                _best_guess(answer, lambda label: f"a scan {contrast_words(label)}"),
                expected=expected,
                where=_scores(answer),
            )
        ]
    findings = [catalogue.CONTRAST.found(contrast_words(shown), expected=expected, where=_scores(answer))]
    agent = header_contrast(digest)
    if agent is not None and shown == "non_contrast":
        findings.append(
            catalogue.CONTRAST_HEADER_AGREES.found(agent, expected=expected, where="ContrastBolusAgent (0018,0010)")
        )
    return findings


def _check_lengths(digest: SeriesDigest, required: SeriesSpec) -> list[Finding]:
    """Slice thickness by the header, spacing and coverage as measured from the slices' positions."""
    findings = []
    thickness = number(digest.header.get("SliceThickness"))
    spacing, coverage = digest.geometry.slice_spacing_mm, digest.geometry.coverage_mm
    limit = required.max_slice_thickness_mm
    if limit is not None and thickness is None:
        apart = "an unknown distance" if spacing is None else _mm(spacing)
        findings.append(catalogue.SLICE_THICKNESS_UNKNOWN.found(apart, expected=f"at most {_mm(limit)}"))
    elif limit is not None and thickness is not None and thickness > limit + catalogue.THICKNESS_TOLERANCE_MM:
        findings.append(
            catalogue.SLICE_THICKNESS.found(
                _mm(thickness), expected=f"at most {_mm(limit)}", where="SliceThickness (0018,0050)"
            )
        )
    limit = required.max_spacing_mm
    if limit is not None and spacing is None:
        if digest.geometry.slices > 1:
            findings.append(catalogue.SPACING_UNKNOWN.found("not in the header", expected=f"at most {_mm(limit)}"))
    elif limit is not None and spacing is not None:
        widest = _widest_spacing_mm(digest.geometry, spacing)
        if widest > limit + catalogue.SPACING_TOLERANCE_MM:
            up_to = "" if widest == spacing else "up to "
            findings.append(catalogue.SPACING.found(f"{up_to}{_mm(widest)}", expected=f"at most {_mm(limit)}"))
    if thickness is not None and spacing is not None:
        slack = max(thickness * catalogue.CONTIGUITY_TOLERANCE, catalogue.SPACING_TOLERANCE_MM)
        if spacing > thickness + slack:
            findings.append(catalogue.CONTIGUITY.found(_mm(spacing), expected=_mm(thickness)))
    limit = required.min_coverage_mm
    if limit is not None and coverage is not None and coverage < limit - catalogue.COVERAGE_TOLERANCE_MM:
        findings.append(
            catalogue.COVERAGE.found(
                f"{coverage:.0f} mm",
                expected=f"at least {limit:g} mm",
                wanted=body_part_words(required.body_part),
            )
        )
    return findings


def _widest_spacing_mm(geometry: GeometryFacts, usual: float) -> float:
    """Return the widest distance of neighbouring slices; the usual one where slices are missing, told elsewhere."""
    return usual if geometry.gaps or geometry.largest_spacing_mm is None else max(usual, geometry.largest_spacing_mm)


def _check_acquisition(digest: SeriesDigest, required: SeriesSpec) -> list[Finding]:
    """Tube voltage, kernel and field of view, where the protocol has limits and the header a value."""
    findings = []
    kvp = number(digest.header.get("KVP"))
    if required.kvp_range is not None and kvp is not None:
        low, high = required.kvp_range
        if not low - catalogue.KVP_TOLERANCE <= kvp <= high + catalogue.KVP_TOLERANCE:
            findings.append(
                catalogue.TUBE_VOLTAGE.found(f"{kvp:g} kV", expected=_range(low, high, "kV"), where="KVP (0018,0060)")
            )
    kernels = texts(digest.header.get("ConvolutionKernel"))
    accepted = {kernel.upper() for kernel in required.kernels}
    if accepted and kernels and not accepted & {kernel.upper() for kernel in kernels}:
        findings.append(
            catalogue.KERNEL.found(
                kernels[0], expected=" or ".join(required.kernels), where="ConvolutionKernel (0018,1210)"
            )
        )
    diameter = number(digest.header.get("ReconstructionDiameter"))
    if required.field_of_view_range_mm is not None and diameter is not None:
        low, high = required.field_of_view_range_mm
        slack = catalogue.FIELD_OF_VIEW_TOLERANCE_MM
        if not low - slack <= diameter <= high + slack:
            findings.append(
                catalogue.FIELD_OF_VIEW.found(
                    f"{diameter:g} mm",
                    expected=_range(low, high, "mm"),
                    where="ReconstructionDiameter (0018,1100)",
                )
            )
    return findings


def _best_guess(answer: ModuleAnswer, words: Callable[[str], str]) -> str:
    """Return what a module would have said, with its score; scores are not calibrated probabilities."""
    if not answer.scores or answer.is_out_of_scope:
        return "it looks like none of the body parts from head to pelvis"
    return f"it looks most like {words(answer.guess)} (score {answer.score:.2f}), but the ensemble leaves that open"


def _scores(answer: ModuleAnswer) -> str:
    """Return the scores from high to low: "chest 0.91, neck 0.05"; those that round to nothing left out."""
    ranked = sorted(answer.scores.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {score:.2f}" for name, score in ranked if score >= 0.01)


def _mm(length: float) -> str:
    """Return a length as people write it: "5 mm", "7.5 mm", "0.63 mm"."""
    return f"{round(length, 2):g} mm"


def _range(low: float, high: float, unit: str) -> str:
    return f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"
