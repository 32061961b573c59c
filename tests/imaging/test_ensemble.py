"""Soft vote and abstention."""

from dataclasses import replace

import numpy as np
import pytest

from apps.imaging.ensemble import (
    Abstention,
    Classification,
    InputRecipe,
    ModuleAnswer,
    NotAProbability,
    decide,
    module_distance,
    network_input,
    soft_vote,
    softmax,
    tissue_share,
)

LIMITS = Abstention(min_score=0.5, min_planes_agreeing=2, tissue_hu=-300, min_tissue_share=0.02, max_distance=0.4)
CLASSES = ("brain", "chest", "other")
CHEST = np.array([0.1, 0.8, 0.1])


def test_the_vote_is_the_mean_of_probabilities_not_of_classes():
    voted = soft_vote({"axial": [0.9, 0.1], "sagittal": [0.45, 0.55], "coronal": [0.45, 0.55]})
    assert voted == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ([np.nan, 1.0], "not a finite number"),
        ([-0.1, 1.1], "negative score"),
        ([0.2, 0.2], "sum to 0.4000"),
        ([0.2, 0.3, 0.5], "shape"),
        ([[0.5, 0.5]], "shape"),
    ],
)
def test_what_is_not_a_probability_is_refused(scores, sentence):
    with pytest.raises(NotAProbability, match=sentence):
        soft_vote({"axial": [0.5, 0.5], "sagittal": scores, "coronal": [0.5, 0.5]})


def test_a_missing_plane_is_refused():
    with pytest.raises(NotAProbability, match="needs the planes axial, sagittal, coronal"):
        soft_vote({"axial": [0.5, 0.5], "sagittal": [0.5, 0.5]})


def answer(axial=CHEST, sagittal=CHEST, coronal=CHEST, share=0.4, distance=0.1, silent=("other",)):
    planes = {"axial": axial, "sagittal": sagittal, "coronal": coronal}
    return decide("body_part", CLASSES, planes, LIMITS, share, silent=silent, distance=distance)


def test_three_planes_that_agree_give_the_label_and_keep_each_vote():
    said = answer()
    assert (said.label, said.abstained, said.reason) == ("chest", False, "")
    assert said.score == pytest.approx(0.8)
    assert said.planes["sagittal"]["chest"] == pytest.approx(0.8)


def test_a_low_score_is_an_abstention_that_keeps_the_scores():
    unsure = np.array([0.3, 0.4, 0.3])
    said = answer(unsure, unsure, unsure)
    assert said.label is None and said.abstained
    assert "chest scores best with 0.40, below the limit of 0.50" in said.reason
    assert said.scores["chest"] == pytest.approx(0.4)


def test_planes_that_disagree_are_an_abstention():
    brain, torn = np.array([1.0, 0.0, 0.0]), np.array([0.35, 0.6, 0.05])
    said = answer(brain, torn, torn)
    assert said.abstained and "the planes disagree, 1 of 3 say brain" in said.reason


def test_a_silent_class_is_never_a_label():
    limb = np.array([0.0, 0.05, 0.95])
    said = answer(limb, limb, limb)
    assert said.label is None and "none of those that the ensemble has a label for" in said.reason
    assert answer(limb, limb, limb, silent=()).label == "other"


def test_pictures_unlike_the_training_pictures_are_abstained_on_however_sure_the_networks_are():
    said = answer(distance=0.41)
    assert said.label is None and said.distance == 0.41
    assert "unlike those that the ensemble was trained on (distance 0.4100, limit 0.4000)" in said.reason
    assert answer(distance=0.4).label == "chest"


def test_the_distance_of_a_module_is_the_mean_of_its_planes():
    assert module_distance({"axial": 0.1, "sagittal": 0.2, "coronal": 0.6}) == pytest.approx(0.3)


def test_a_temperature_of_two_takes_the_square_root_of_the_odds():
    logits = np.log(np.array([0.8, 0.2]))
    assert softmax(logits, 1) == pytest.approx([0.8, 0.2])
    assert softmax(logits, 2) == pytest.approx([2 / 3, 1 / 3])
    assert softmax(np.array([1000.0, 0.0]), 1) == pytest.approx([1, 0])


def test_an_all_air_series_is_abstained_on_however_sure_the_networks_are():
    blank = [np.zeros((512, 512), dtype=np.uint8)] * 3
    said = answer(share=tissue_share(blank, LIMITS.tissue_hu))
    assert said.abstained and "next to no tissue" in said.reason


def test_tissue_share_counts_pixels_above_the_given_hu():
    picture = np.zeros((512, 512), dtype=np.uint8)
    picture[:128] = 128  # 52 HU at level 50, width 1000
    assert tissue_share([picture, picture], tissue_hu=-300) == pytest.approx(0.25)
    assert tissue_share([picture], tissue_hu=100) == 0


def test_one_silent_answer_leaves_the_other_one_standing():
    unsure = np.array([0.3, 0.4, 0.3])
    classification = Classification(answer(unsure, unsure, unsure), answer(), {"name": "t"}, "CPU", 0.01)
    stored = classification.to_json()
    assert stored["abstained"] is True and stored["reason"].startswith("The body part is not answered")
    assert stored["contrast"]["label"] == "chest"
    kept = {"label", "score", "scores", "planes", "abstained", "reason", "distance", "activations", "silent"}
    assert set(stored["body_part"]) == kept


def test_an_answer_kept_from_an_older_bundle_is_read_again():
    stored = answer().to_json()
    del stored["distance"], stored["activations"], stored["silent"]
    said = ModuleAnswer(**stored)
    assert said.label == "chest" and said.distance is None and said.activations == {}
    assert not said.is_out_of_scope and replace(said, scores={"chest": 0.1, "other": 0.9}).is_out_of_scope


def test_what_is_out_of_scope_is_for_the_bundle_to_say():
    brain = np.array([0.9, 0.05, 0.05])
    assert answer(brain, brain, brain, silent=("brain", "other")).is_out_of_scope
    assert not answer(brain, brain, brain, silent=("other",)).is_out_of_scope
    assert not answer(brain, brain, brain, silent=()).is_out_of_scope
    stored = answer(brain, brain, brain, silent=("brain",)).to_json()
    assert ModuleAnswer(**stored).is_out_of_scope


def test_each_channel_is_its_own_window_of_the_picture():
    recipe = InputRecipe(size=8, windows_hu=((-450, 550), (50, 250)), mean=(0.0, 0.5), std=(1.0, 0.5))
    picture = np.full((512, 512), 128, dtype=np.uint8)  # 51.96 HU
    first, second = network_input(picture, recipe)
    assert first.shape == (8, 8) and first.dtype == np.float32
    assert first[0, 0] == pytest.approx(128 / 255)
    assert second[0, 0] == pytest.approx(((51.96 - 50) / 200 - 0.5) / 0.5, abs=1e-4)


def test_shrinking_a_picture_averages_instead_of_skipping_pixels():
    recipe = InputRecipe(size=64, windows_hu=((-450, 550),), mean=(0.0,), std=(1.0,))
    stripes = np.zeros((512, 512), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert network_input(stripes, recipe)[0, 8:-8, 8:-8] == pytest.approx(100 / 255, abs=2 / 255)
