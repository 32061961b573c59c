"""A label names one body part: a series that covers several of them whole has none."""

import pytest

from apps.imaging.coverage import CoverageAnswer, CoveredRegion
from apps.imaging.pipeline import of_one_body_part
from tests.imaging.cases import body_part_answer


def covering(**lengths_mm: float) -> CoverageAnswer:
    regions = [CoveredRegion(name, 0, 1, 0.9, False, False, mm, 0.0, mm, True) for name, mm in lengths_mm.items()]
    return CoverageAnswer(tuple(regions))


@pytest.mark.parametrize(
    ("label", "lengths_mm"),
    [
        ("chest", {"chest": 280, "abdomen": 220}),
        ("abdomen_pelvis", {"chest": 270, "abdomen": 210, "pelvis": 200}),
        ("brain", {"head": 160, "neck": 110, "chest": 300}),
    ],
)
def test_a_series_of_several_body_parts_is_silent_and_says_what_it_covers(label, lengths_mm):
    answer = of_one_body_part(body_part_answer(label), covering(**lengths_mm))
    assert answer.label is None and answer.abstained and answer.scores
    assert all(name in answer.reason for name in lengths_mm)


@pytest.mark.parametrize(
    ("label", "lengths_mm"),
    [
        ("chest", {"neck": 40, "chest": 290, "abdomen": 110}),
        ("abdomen", {"chest": 60, "abdomen": 210}),
        ("abdomen_pelvis", {"chest": 70, "abdomen": 220, "pelvis": 210}),
    ],
)
def test_a_little_of_the_neighbours_is_part_of_every_scan(label, lengths_mm):
    answer = body_part_answer(label)
    assert of_one_body_part(answer, covering(**lengths_mm)) is answer


def test_coverage_that_is_not_answered_silences_nobody():
    answer = body_part_answer("chest")
    assert of_one_body_part(answer, CoverageAnswer((), "The regions are not answered.")) is answer
