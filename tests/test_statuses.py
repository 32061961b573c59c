"""docs/statuses.md tells every step that the code allows, and no other."""

import re
from pathlib import Path

import pytest
from django.db.models import Model

from apps.intake.models import Series, Submission
from apps.queries.models import Query
from apps.reviews.models import ReviewCase
from apps.studies.models import ReadingStudy

PAGE = (Path(__file__).parent.parent / "docs" / "statuses.md").read_text(encoding="utf-8")


def told(heading: str) -> set[tuple[str, str]]:
    """Return the (from, to) pairs of the table below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (table,) = (part for part in section if part.startswith(heading))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 2
    return {(row[1], row[2]) for row in rows[2:]}


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Submission", Submission),
        ("Series", Series),
        ("Review case", ReviewCase),
        ("Query", Query),
        ("Reading study", ReadingStudy),
    ],
)
def test_the_page_tells_the_steps_of_the_code(heading: str, model: type[Model]) -> None:
    allowed = {(old, new) for old, steps in model.TRANSITIONS.items() for new in steps}
    assert told(heading) == allowed


@pytest.mark.parametrize("model", [Submission, Series, ReviewCase, Query, ReadingStudy])
def test_every_step_leads_to_a_status_of_the_model(model: type[Model]) -> None:
    words = set(model.Status.values)
    assert set(model.TRANSITIONS) <= words
    assert all(set(steps) <= words for steps in model.TRANSITIONS.values())
