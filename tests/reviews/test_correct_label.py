import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction

from apps.audit.lifecycle import Refused, WrongState
from apps.audit.services import events_about
from apps.imageqc.models import Classification
from apps.reviews.models import LabelCorrection
from apps.reviews.services import correct_label
from tests.cast import Cast
from tests.factories import add_series, claimed_case, waiting_case
from tests.signing import decide


def test_the_analysts_label_stands_beside_the_ensembles(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    series = case.submission.series.get(number=1)
    said = Classification.objects.get(series=series)
    correction = correct_label(case, series, "body_part", "abdomen", by=cast.anna)
    assert (correction.ensemble_label, correction.label, correction.corrected_by) == ("chest", "abdomen", cast.anna)
    said.refresh_from_db()
    assert said.body_part["label"] == "chest"
    event = events_about(series).get(action="series.label_corrected")
    assert (event.old, event.new) == ({"body_part": "chest"}, {"body_part": "abdomen"})


def test_a_label_can_be_given_where_the_ensemble_was_silent(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    series = add_series(case.submission, number=9, description="odd", body_part=None)
    assert correct_label(case, series, "body_part", "other", by=cast.anna).ensemble_label == ""
    assert correct_label(case, series, "contrast", "non_contrast", by=cast.anna).ensemble_label == "enhanced"


@pytest.mark.parametrize(
    ("module", "label"), [("body_part", "foot"), ("contrast", "chest"), ("contrast", "other"), ("kernel", "b31f")]
)
def test_only_known_labels_can_be_given(cast: Cast, module: str, label: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(Refused, match="Choose one from the list"):
        correct_label(case, case.submission.series.get(number=1), module, label, by=cast.anna)


def test_a_series_of_another_case_is_refused(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    other = waiting_case(cast.chens_visit, by=cast.chen)
    with pytest.raises(Refused, match="another case"):
        correct_label(case, other.submission.series.get(number=1), "contrast", "enhanced", by=cast.anna)


@pytest.mark.parametrize("who", ["abel", "mira", "root", "carla"])
def test_only_the_holder_corrects(cast: Cast, who: str) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    with pytest.raises(PermissionDenied):
        correct_label(case, case.submission.series.get(number=1), "contrast", "enhanced", by=getattr(cast, who))


def test_nothing_is_corrected_after_the_decision(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    decide(case, "accept", by=cast.anna)
    with pytest.raises(WrongState):
        correct_label(case, case.submission.series.get(number=1), "contrast", "enhanced", by=cast.anna)


def test_the_database_keeps_corrections_as_they_were_made(cast: Cast) -> None:
    case = claimed_case(cast.visit, by=cast.carla, analyst=cast.anna)
    correct_label(case, case.submission.series.get(number=1), "contrast", "non_contrast", by=cast.anna)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LabelCorrection.objects.update(label="enhanced")
