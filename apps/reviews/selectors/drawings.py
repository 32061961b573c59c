"""What analysts drew on pictures, as it stands now."""

from collections.abc import Iterable

from apps.reviews.models import Annotation


def standing_drawings(annotations: Iterable[Annotation]) -> dict[tuple[int, str], Annotation]:
    """Return the newest drawing on each picture, by the key of the series and the picture's name.

    `annotations` come in the order in which they were made; one without shapes took the earlier away.
    """
    newest = {(row.series_id, row.picture): row for row in annotations}
    return {key: row for key, row in newest.items() if row.shapes}
