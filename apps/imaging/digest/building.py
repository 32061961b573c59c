"""build_digest: one pass over the files of a series, never more than a few slices in memory."""

from apps.imaging.digest.concluding import AIR_HU, Seen, broke, conclude, stack_without
from apps.imaging.digest.reading import SeriesReading
from apps.imaging.digest.records import SeriesDigest
from apps.imaging.headers import SeriesFiles
from apps.imaging.projections import Pictures


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
    stack = stack_without(series, {})
    projector = reading.run(stack)
    while broke(stack, reading.failures):
        # A slice that cannot be decoded leaves a hole: the others are arranged, and read again, without it.
        stack = stack_without(series, reading.failures)
        projector = reading.run(stack)

    def pictures() -> Pictures:
        return {} if projector is None else projector.pictures()

    body_part = None if projector is None else float((projector.highest_along_slices > AIR_HU).mean())
    return conclude(
        series, stack, Seen(reading.instances(), reading.failures, reading.frame_hashes, body_part, pictures)
    )
