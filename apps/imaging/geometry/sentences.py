"""What is said of a stack of slices: each finding with what was expected, what was found, where, and what to do."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from apps.imaging.findings import Finding, Severity
from apps.imaging.geometry.slices import Slice

OBLIQUE_DEGREES = 10.0
"""From this angle between the normal and the nearest axis on, slices are called oblique."""

MOST_NAMED = 6
"""How many places a sentence names before it counts the rest."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 slice", "12 slices"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _mm(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def slice_names(slices: Iterable[Slice]) -> str:
    """Return which slices, by the numbers that a viewer shows: "images 4 to 7, 12"."""
    numbers = sorted({one.number for one in slices})
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    named = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    if len(named) > MOST_NAMED:
        named = [*named[:MOST_NAMED], f"and {counted(len(named) - MOST_NAMED, 'other')}"]
    return f"image {named[0]}" if len(numbers) == 1 else "images " + ", ".join(named)


def _height(one: Slice) -> str:
    """Return where a slice lies along the patient's nearest axis: "z -512.5 mm"."""
    frame = one.frame
    assert frame.orientation is not None and frame.position is not None
    row, column = np.array(frame.orientation).reshape(2, 3)
    axis = int(np.abs(np.cross(row, column)).argmax())
    return f"{'xyz'[axis]} {frame.position[axis]:.1f} mm"


def localizers_inside(localizers: Sequence[Slice], in_all: int) -> Finding:
    count = counted(len(localizers), "localizer picture")
    return Finding(
        "localizer_inside",
        Severity.INFO,
        f"{count} (scouts for planning) among the {in_all} images of this series {_were(localizers)} left out of the "
        "pictures. Nothing needs to be done.",
        expected="scan slices only",
        found=count,
        where=slice_names(localizers),
    )


def colour(count: int, in_all: int) -> Finding:
    everything = count == in_all
    return Finding(
        "colour_images",
        Severity.BLOCK if everything else Severity.INFO,
        "These are colour pictures, such as a screen shows, not CT slices with Hounsfield units. Send the original "
        "slices of the scan."
        if everything
        else f"{counted(count, 'colour picture')} among the {in_all} images of this series cannot be CT slices and "
        "were left out. Nothing needs to be done.",
        expected="one gray value per pixel",
        found="colour",
    )


def without_position(slices: Sequence[Slice], in_all: int) -> Finding:
    everything = len(slices) == in_all
    return Finding(
        "no_position",
        Severity.BLOCK if everything else Severity.WARN,
        "The images do not say where in the body they lie, so they cannot be put in order. Export the original series "
        "from the scanner or the archive again."
        if everything
        else f"{len(slices)} of {in_all} images do not say where in the body they lie and were left out. Look whether "
        "they belong to the scan; if so, export the series again.",
        expected="position, orientation and pixel spacing in every image",
        found=f"not in {len(slices)} of {in_all} images",
        where=f"{slice_names(slices)}; ImagePositionPatient (0020,0032), ImageOrientationPatient (0020,0037), "
        "PixelSpacing (0028,0030)",
    )


def mixed(kept: Sequence[Slice], rest: Sequence[Slice], different: Sequence[str]) -> Finding:
    return Finding(
        "mixed_images",
        Severity.WARN,
        f"{counted(len(rest), 'image')} of this series {_differ(rest)} from the other {len(kept)} in "
        f"{_and(different)} and {_were(rest)} left out. Look whether {_belong(rest)} to another series; if the "
        "scan is whole without them, go on.",
        expected=f"one {_and(different)}",
        found=f"{counted(len(rest), 'image')} of another",
        where=slice_names(rest),
    )


def mixed_without_a_main_part(groups: Sequence[Sequence[Slice]], different: Sequence[str]) -> Finding:
    sizes = _and([str(len(group)) for group in groups[:MOST_NAMED]])
    return Finding(
        "mixed_images",
        Severity.BLOCK,
        f"This series mixes images of different {_and(different)} (groups of {sizes}), so it is unclear which of them "
        "are the scan. Export the scan as a series of its own.",
        expected=f"one {_and(different)}",
        found=f"groups of {sizes} images",
    )


def stray_slices(kept: Sequence[Slice], strays: Sequence[Slice]) -> Finding:
    return Finding(
        "stray_slices",
        Severity.WARN,
        f"{counted(len(strays), 'slice')} far from the other {len(kept)} {_were(strays)} left out. Look whether "
        f"{_belong(strays)} to another scan; if not, slices are missing between them: export the series again.",
        expected="slices side by side",
        found=f"{counted(len(strays), 'slice')} apart",
        where=f"{slice_names(strays)} ({_height(strays[0])}), others {_height(kept[0])} to {_height(kept[-1])}",
    )


def single_place(count: int) -> Finding:
    return Finding(
        "single_slice",
        Severity.BLOCK,
        "This series holds one image only, which is no scan of a body part. Choose the whole scan, or export it again."
        if count == 1
        else f"The {count} images of this series all lie at one place (bolus tracking, for example), which is no scan "
        "of a body part. Choose the whole scan.",
        expected="slices at many places",
        found="1 image" if count == 1 else f"{count} images at one place",
    )


def missing_slices(
    places: Sequence[Sequence[Slice]], distances: NDArray[np.float64], missing: Sequence[int]
) -> Finding:
    median = float(np.median(distances))
    counts = [max(1, round(float(distances[index]) / median) - 1) for index in missing]
    named = [f"{_height(places[index][0])} and {_height(places[index + 1][0])}" for index in list(missing)[:MOST_NAMED]]
    total = sum(counts)
    where = "between " + _and(named)
    widest = max(float(distances[index]) for index in missing)
    return Finding(
        "missing_slices",
        Severity.BLOCK,
        f"{counted(total, 'slice')} {'is' if total == 1 else 'are'} missing {where}: the others lie {_mm(median)} mm "
        f"apart, there it is {'up to ' if len(missing) > 1 else ''}{_mm(widest)} mm. Export the series again and see "
        "that all its images are copied.",
        expected=f"{_mm(median)} mm from slice to slice",
        found=f"{_mm(widest)} mm",
        where=where,
    )


def uneven_spacing(distances: NDArray[np.float64]) -> Finding:
    usual = Counter(np.round(distances, 1).tolist()).most_common(3)
    found = _and([f"{_mm(distance)} mm ({count} ×)" for distance, count in usual])
    return Finding(
        "uneven_spacing",
        Severity.WARN,
        f"The slices do not lie evenly: from {_mm(float(distances.min()))} to {_mm(float(distances.max()))} mm apart, "
        "mostly "
        f"{found}. If the scanner was set so, go on; if a series with even spacing exists, send that one.",
        expected="one distance from slice to slice (± 0.1 mm or 1 %)",
        found=found,
    )


def tilt(degrees: float) -> Finding:
    return Finding(
        "gantry_tilt",
        Severity.WARN,
        f"The gantry was tilted by {degrees:.1f} degrees, so the slices lean. If a series without tilt exists, send "
        "that one; if not, go on.",
        expected="0 degrees",
        found=f"{degrees:.1f} degrees",
        where="measured from ImagePositionPatient (0020,0032)",
    )


def oblique(degrees: float, plane: str) -> Finding:
    return Finding(
        "oblique_slices",
        Severity.INFO,
        f"The slices are {degrees:.0f} degrees off the {plane} plane; they are shown as {plane}. Nothing needs to be "
        "done unless a straight series exists.",
        expected=f"{plane} slices",
        found=f"{degrees:.1f} degrees off",
    )


def sideways(slices: Sequence[Slice], farthest: float) -> Finding:
    return Finding(
        "shifted_slices",
        Severity.WARN,
        f"{counted(len(slices), 'slice')} {'lies' if len(slices) == 1 else 'lie'} up to {_mm(farthest)} mm beside the "
        "line of the others; the table or the field of view was moved, or the slices are of another scan. Look at the "
        "pictures; send one unbroken series if there is one.",
        expected="slices behind one another (± 2 mm)",
        found=f"up to {_mm(farthest)} mm beside",
        where=slice_names(slices),
    )


def mixed_thickness(slices: Sequence[Slice]) -> list[Finding]:
    """Return the finding of a series whose slices are not equally thick."""
    usual = Counter(round(one.frame.thickness, 2) for one in slices if one.frame.thickness is not None)
    if len(usual) < 2:
        return []
    found = _and([f"{_mm(thickness)} mm ({count} ×)" for thickness, count in usual.most_common(3)])
    return [
        Finding(
            "mixed_slice_thickness",
            Severity.WARN,
            f"The slices are not equally thick: {found}. If the scanner was set so, go on; if a series of one "
            "thickness exists, send that one.",
            expected="one slice thickness",
            found=found,
            where="SliceThickness (0018,0050)",
        )
    ]


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _were(slices: Sequence[Slice]) -> str:
    return "was" if len(slices) == 1 else "were"


def _differ(slices: Sequence[Slice]) -> str:
    return "differs" if len(slices) == 1 else "differ"


def _belong(slices: Sequence[Slice]) -> str:
    return "it belongs" if len(slices) == 1 else "they belong"
