"""What is chosen on held-out patients: pictures, limits; and what patients meet whom nothing was chosen on."""

import numpy as np
import pytest

from apps.imaging.training.evaluate.chosen import Settings, choose_ensemble, choose_nested
from apps.imaging.training.evaluate.limits import LEAST_SCORE, answered_at, choose_limits, coverage_curve
from apps.imaging.training.evaluate.selection import best_per_plane, best_pictures, best_single, tuning_results
from apps.imaging.training.evaluate.votes import vote, vote_of_planes
from tests.imaging.training.judged import judged, saying

MIP = {"axial": "mip_axial", "sagittal": "mip_sagittal", "coronal": "mip_coronal"}


def three_planes(truth, said, strength=4.0, **facts):
    """A vote in which all planes say the same."""
    found = judged(truth, dict.fromkeys(MIP.values(), saying(said, strength)), **facts)
    result = vote_of_planes(found, MIP)
    assert result is not None
    return result


def test_the_best_picture_of_each_plane_is_chosen():
    truth = ["brain", "chest", "brain", "chest"]
    results = tuning_results(
        judged(
            truth,
            {
                "mip_axial": saying(["brain", "brain", "brain", "chest"]),
                "aip_axial": saying(truth),
                "mid_sagittal": saying(["chest", "chest", "brain", "chest"]),
            },
        )
    )
    assert best_per_plane(results) == {"axial": "aip_axial", "sagittal": "mid_sagittal"}
    assert best_single(results) == "aip_axial"


def test_the_tuning_accuracy_is_the_mean_over_folds_not_over_series():
    truth = ["brain"] * 4
    found = judged(truth, {"mip_axial": saying(["chest", "brain", "brain", "brain"])}, folds=[0, 1, 1, 1])
    assert tuning_results(found)["mip_axial"].accuracy == pytest.approx(0.5)
    assert tuning_results(found, without_fold=0)["mip_axial"].accuracy == 1.0


def test_of_two_that_are_right_alike_the_surer_one_is_chosen():
    truth = ["brain", "chest"]
    results = tuning_results(judged(truth, {"mip_axial": saying(truth, 1.0), "mid_axial": saying(truth, 3.0)}))
    assert best_per_plane(results) == {"axial": "mid_axial"}


def test_series_out_of_scope_take_no_part_in_the_choice():
    truth = ["brain", "chest", "limb", "limb"]
    results = tuning_results(judged(truth, {"mip_axial": saying(["brain", "chest", "brain", "brain"])}))
    assert results["mip_axial"].accuracy == 1.0


def test_without_predictions_nothing_is_chosen():
    assert choose_ensemble(judged(["brain"], {})) is None
    assert best_single({}) is None


def test_a_run_has_its_best_pictures(tiny_run):
    mid = {plane: f"mid_{plane}" for plane in MIP}
    assert best_pictures(tiny_run) == {"body_part": MIP, "contrast": mid}


def test_the_score_limit_is_the_lowest_that_keeps_the_answers_right():
    truth = ["brain", "brain", "brain", "brain", "chest"]
    said = three_planes(truth, ["brain"] * 5, strength=[5, 5, 5, 5, 2])  # the mistake scores 0.79
    limits = choose_limits(said, aim=0.99, min_coverage=0.8)
    assert limits.reached and 0.78 <= limits.min_score < 0.82
    assert answered_at(said, limits).tolist() == [True, True, True, True, False]
    assert "holds where the limits were chosen" in limits.sentence


def test_the_score_limit_is_never_below_the_least():
    truth = ["brain", "chest", "brain"]
    assert choose_limits(three_planes(truth, truth, 0.2), 0.99, 0.1).min_score == LEAST_SCORE


def test_an_aim_that_no_limit_reaches_is_said():
    truth = ["brain", "chest", "chest", "chest"]
    limits = choose_limits(three_planes(truth, ["brain", "brain", "chest", "chest"]), aim=0.99, min_coverage=0.9)
    assert not limits.reached
    assert "No limit reaches the aim (99 % right)" in limits.sentence
    assert limits.right_of_answered.right == 3


def test_a_coverage_that_cannot_be_had_is_said():
    truth = ["brain", "chest"]
    limits = choose_limits(three_planes(truth, truth, [5, 0.1]), aim=0.9, min_coverage=0.9)
    assert not limits.covers and limits.min_score == LEAST_SCORE
    assert "mildest limits leave fewer" in limits.sentence and "with 50.0 % answered" in limits.sentence


def test_an_ensemble_that_answers_nothing_is_said_to():
    truth = ["brain", "chest"]
    said = choose_limits(three_planes(truth, truth, 0.1), aim=0.9, min_coverage=0.9).sentence
    assert "answer no held-out series: none scores 0.7" in said and "right" not in said


def test_planes_that_disagree_are_not_answered():
    truth = ["brain", "chest", "brain", "chest"]
    found = judged(
        truth,
        {
            "mip_axial": saying(truth),
            "mip_sagittal": saying(["brain", "brain", "brain", "chest"], [4, 0.5, 4, 4]),
            "mip_coronal": saying(["brain", "limb", "brain", "chest"], [4, 0.5, 4, 4]),
        },
    )
    voted = vote_of_planes(found, MIP)
    assert voted is not None and voted.agreeing.tolist() == [3, 1, 3, 3]
    limits = choose_limits(voted, aim=0.99, min_coverage=0.5)
    assert limits.min_planes_agreeing >= 2
    assert answered_at(voted, limits).tolist() == [True, False, True, True]


def test_what_is_unlike_the_training_pictures_is_not_answered():
    truth = ["brain"] * 200 + ["limb"]
    distance = [0.1] * 199 + [0.9, 0.95]
    voted = three_planes(truth, ["brain"] * 201, distance=distance)
    limits = choose_limits(voted, aim=0.9)
    assert limits.max_distance == pytest.approx(0.1, abs=2e-4)
    assert answered_at(voted, limits)[-3:].tolist() == [True, False, False]


def test_a_silent_class_is_never_an_answer():
    truth = ["brain", "chest", "limb"]
    voted = three_planes(truth, truth)
    assert answered_at(voted, choose_limits(voted, 0.9)).tolist() == [True, True, False]


def test_limits_need_a_series_in_scope():
    with pytest.raises(ValueError, match="in scope"):
        choose_limits(three_planes(["limb"], ["limb"]), 0.9)


def test_the_coverage_curve_never_rises_with_the_limit():
    truth = ["brain", "chest"] * 6
    voted = three_planes(truth, truth, strength=list(np.linspace(0.3, 5, 12)))
    curve = coverage_curve(voted, choose_limits(voted, 0.9, 0.1))
    coverages = [point["coverage"] for point in curve]
    assert coverages == sorted(coverages, reverse=True) and coverages[0] == 1.0


def test_what_is_chosen_on_the_other_folds_is_judged_on_this_one():
    # Fold 0 has a sure mistake, fold 1 a weak one: each fold's limit is too mild or too strict for the other.
    truth = ["brain"] * 10 + ["chest"] * 10
    said = ["brain"] * 9 + ["chest"] + ["chest"] * 9 + ["brain"]
    strength = [5.0] * 9 + [3.0] + [5.0] * 9 + [0.8]
    found = judged(truth, dict.fromkeys(MIP.values(), saying(said, strength)), folds=[0] * 10 + [1] * 10)
    settings = Settings({"body_part": 0.99}, min_coverage=0.5)
    nested, kind = choose_nested(found, settings), choose_ensemble(found, settings)
    assert nested is not None and kind is not None
    assert set(nested.chosen) == {0, 1}
    assert nested.chosen[0].limits.min_score < nested.chosen[1].limits.min_score
    whole = vote_of_planes(found, kind.pictures, kind.temperature)
    assert whole is not None
    # Where limits were chosen no answer is wrong; for patients they were not chosen on, one is.
    assert whole.right[answered_at(whole, kind.limits)].all()
    assert (~nested.votes.right[nested.answered]).sum() == 1


def test_each_fold_may_choose_other_pictures():
    truth = ["brain"] * 4
    right, wrong = saying(["brain", "brain", "chest", "chest"]), saying(["chest", "chest", "brain", "brain"])
    found = judged(
        truth,
        {"mip_axial": right, "mid_axial": wrong, "mip_sagittal": saying(truth), "mip_coronal": saying(truth)},
        folds=[0, 0, 1, 1],
    )
    nested = choose_nested(found)
    assert nested is not None
    assert {fold: chosen.pictures["axial"] for fold, chosen in nested.chosen.items()} == {
        0: "mid_axial",
        1: "mip_axial",
    }


def test_one_fold_has_no_nested_estimate():
    truth = ["brain", "chest"]
    assert choose_nested(judged(truth, dict.fromkeys(MIP.values(), saying(truth)), folds=[0, 0])) is None


def test_an_ensemble_is_judged_on_series_that_have_all_three_pictures():
    found = judged(["brain", "chest"], dict.fromkeys(MIP.values(), saying(["brain", "chest"])))
    short = found.outputs["mip_coronal"]
    found.outputs["mip_coronal"] = type(short)(short.series[:1], short.logits[:1], short.distance[:1])
    voted, alone = vote_of_planes(found, MIP), vote(found, ["mip_axial"])
    assert voted is not None and voted.series.tolist() == [0]
    assert alone is not None and alone.series.tolist() == [0, 1]


def test_given_pictures_are_kept_and_their_limits_chosen_on_the_other_folds():
    truth = ["brain", "chest"] * 3
    better = {plane: f"aip_{plane}" for plane in MIP}
    found = judged(
        truth,
        {
            **dict.fromkeys(MIP.values(), saying(["chest", *truth[1:-1], "brain"])),
            **dict.fromkeys(better.values(), saying(truth)),
        },
    )
    free, given = choose_nested(found), choose_nested(found, pictures=MIP)
    assert free is not None and given is not None
    assert {chosen.pictures["axial"] for chosen in free.chosen.values()} == {"aip_axial"}
    assert {chosen.pictures["axial"] for chosen in given.chosen.values()} == {"mip_axial"}
    assert free.votes.right.all() and not given.votes.right.all()
