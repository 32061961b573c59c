"""What is said of a series once its pixels are read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from apps.imaging.findings import Finding, Severity
from apps.imaging.geometry import Slice
from apps.imaging.geometry.sentences import counted, slice_names
from apps.imaging.headers import HeaderFact, InstanceHeader

MOST_CROWDED_PART = 0.5
"""When more than this part of all places holds different images, the series is two scans in one."""


def unreadable_images(failures: Mapping[Path, str], headers: Sequence[InstanceHeader]) -> list[Finding]:
    """Return the finding of files whose pixels cannot be decoded."""
    if not failures:
        return []
    broken = [header for header in headers if header.path in failures]
    reasons = sorted(set(failures.values()))
    rest = "Nothing can be shown." if len(broken) == len(headers) else "The pictures are made without them."
    return [
        Finding(
            "unreadable_images",
            Severity.BLOCK,
            f"{counted(len(broken), 'image')} of {len(headers)} cannot be decoded: the file {reasons[0]}. {rest}",
            expected="every image whole",
            found=f"{counted(len(broken), 'image')} damaged",
            where=slice_names([Slice(header, 0) for header in broken]),
        )
    ]


def checked_after_transfer(why: str) -> Finding:
    """Return the finding of a series whose pixels a browser could not decode, through no fault of the images."""
    return Finding(
        "checked_after_transfer",
        Severity.WARN,
        f"The images of this series could not be looked at in this browser ({why}). They are checked by the core lab "
        "after the transfer; another browser may be able to check them now.",
        expected="a browser that decodes the images",
        found=why,
    )


def rescale(without: Sequence[Slice], in_all: int, common: tuple[float, float] | None) -> list[Finding]:
    """Return the finding of slices whose stored values cannot be turned into Hounsfield units by their own header."""
    if not without:
        return []
    where = f"{slice_names(without)}; RescaleSlope (0028,1053), RescaleIntercept (0028,1052)"
    found = _rescale_words(without[0])
    if common is None:
        return [
            Finding(
                "no_rescale",
                Severity.BLOCK,
                f"The images do not say how their values become Hounsfield units ({found}), so the scan cannot be "
                "shown. Export the original series from the scanner or the archive again.",
                expected="a slope other than 0 and an intercept in every image",
                found=found,
                where=where,
            )
        ]
    return [
        Finding(
            "rescale_taken_from_others",
            Severity.WARN,
            f"{len(without)} of {in_all} images do not say how their values become Hounsfield units ({found}); they "
            "are shown as the others are. Look at the pictures; if they show bands, export the series again.",
            expected="a slope other than 0 and an intercept in every image",
            found=f"{found} in {counted(len(without), 'image')}",
            where=where,
        )
    ]


def _rescale_words(one: Slice) -> str:
    slope, intercept = one.frame.slope, one.frame.intercept
    if slope is None or intercept is None:
        return "slope and intercept missing" if slope is intercept else "slope or intercept missing"
    return "a slope of 0" if slope == 0 else "slope or intercept is no number"


def same_place(copies: Sequence[Sequence[Slice]], different: Sequence[Sequence[Slice]], in_all: int) -> list[Finding]:
    """Return the findings of places at which several images lie."""
    found = []
    if copies:
        extra = sum(len(place) - 1 for place in copies)
        found.append(
            Finding(
                "duplicate_images",
                Severity.INFO,
                f"{counted(extra, 'image')} of this series {'is' if extra == 1 else 'are'} there twice, pixel by pixel "
                "the same; the copies are not used. Nothing needs to be done.",
                expected="each image once",
                found=f"{counted(extra, 'copy').replace('copys', 'copies')}",
                where=slice_names(place[0] for place in copies),
            )
        )
    if different:
        most = max(len(place) for place in different)
        two_scans = len(different) > MOST_CROWDED_PART * in_all
        found.append(
            Finding(
                "same_position",
                Severity.BLOCK if two_scans else Severity.WARN,
                f"At {len(different)} of {in_all} places {'up to ' if most > 2 else ''}{most} different images lie: "
                + (
                    "this series holds two scans or reconstructions in one. Export each as a series of its own."
                    if two_scans
                    else "the first of each is shown. Look whether images of another scan were mixed in; if so, export "
                    "the series again without them."
                ),
                expected="one image at each place",
                found=f"{most} at {counted(len(different), 'place')}",
                where=slice_names(one for place in different for one in place[1:]),
            )
        )
    return found


def lossy(facts: Mapping[str, HeaderFact]) -> list[Finding]:
    """Return the finding of pictures that were compressed with loss."""
    if str(facts.get("LossyImageCompression", "")) != "01":
        return []
    ratio = facts.get("LossyImageCompressionRatio")
    found = f"lossy, {ratio:.0f} to 1" if isinstance(ratio, float) else "lossy"
    return [
        Finding(
            "lossy_compression",
            Severity.WARN,
            "The images were compressed with loss of detail. Send the original series if the site still has it.",
            expected="no loss",
            found=found,
            where="LossyImageCompression (0028,2110)",
        )
    ]


def only_air() -> Finding:
    """Return the finding of a volume that shows no patient."""
    return Finding(
        "only_air",
        Severity.BLOCK,
        "The images show nothing but air, so there is nothing to check. Choose the scan of the patient.",
        expected="a patient in the pictures",
        found="air only",
    )
