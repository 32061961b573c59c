"""Counts, intervals and macro rates, worked out by hand."""

import numpy as np
import pytest

from apps.imaging.training.evaluate.statistics import (
    Counts,
    macro_rates,
    patient_bootstrap,
    rounded,
    vote_counts,
    wilson,
)

BRAIN, NECK, CHEST = 0, 1, 2


def test_the_wilson_interval_is_that_of_the_paper():
    low, high = wilson(447, 448)
    assert (round(100 * low, 2), round(100 * high, 2)) == (98.75, 99.96)


def test_nothing_counted_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert Counts(0, 0).to_json() == {"n": 0, "right": 0, "accuracy": None, "wilson_95": [0.0, 1.0]}


def test_what_is_no_number_is_written_as_none():
    assert rounded(float("nan")) is None
    assert rounded(2 / 3) == 0.6667


def test_macro_rates_are_means_over_classes_worked_out_by_hand():
    truth = np.array([BRAIN, BRAIN, NECK, CHEST])
    said = np.array([BRAIN, NECK, NECK, CHEST])
    # brain: precision 1, recall 1/2; neck: 1/2 and 1; chest: 1 and 1.
    assert macro_rates(said, truth, [BRAIN, NECK, CHEST]) == {
        "precision": 0.8333,
        "recall": 0.8333,
        "f1": round((2 / 3 + 2 / 3 + 1) / 3, 4),
        "classes": 3,
    }


def test_a_class_that_the_set_lacks_is_no_zero_in_the_means():
    truth, said = np.array([BRAIN, BRAIN]), np.array([BRAIN, CHEST])
    assert macro_rates(said, truth, [BRAIN, NECK, CHEST]) == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": 0.6667,
        "classes": 1,
    }


def test_a_class_that_is_never_said_has_no_precision():
    assert macro_rates(np.array([NECK]), np.array([BRAIN]), [BRAIN, NECK])["precision"] == 0.0


def test_rates_of_nothing_are_none():
    nothing = np.array([], dtype=np.int64)
    assert macro_rates(nothing, nothing, [BRAIN]) == {"precision": None, "recall": None, "f1": None, "classes": 0}


def test_series_of_one_patient_make_the_bootstrap_wider_than_series_of_many():
    right = np.array([True, False] * 20)
    many = patient_bootstrap(right, np.array([f"p{index}" for index in range(40)]))
    # Four patients with ten series each, all right or all wrong.
    few = patient_bootstrap(np.sort(right), np.repeat(["a", "b", "c", "d"], 10))
    assert many is not None and few is not None
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert few[0] == 0.0 and few[1] == 1.0


def test_the_bootstrap_is_the_same_each_time():
    right, patients = np.array([True, True, False, True]), np.array(["a", "a", "b", "c"])
    assert patient_bootstrap(right, patients) == patient_bootstrap(right, patients)


@pytest.mark.parametrize(
    ("right", "patients"), [([True, True], ["a", "b"]), ([True, False], ["a", "a"]), ([], [])], ids=str
)
def test_a_bootstrap_without_width_is_not_given(right, patients):
    assert patient_bootstrap(np.array(right, dtype=bool), np.array(patients, dtype=np.str_)) is None


def test_patients_count_when_all_their_series_are_right():
    counts = vote_counts(np.array([True, False, True, True]), np.array(["a", "a", "b", "b"]))
    assert counts["patients"] == 2 and counts["patients_all_right"] == 1
    assert counts["right"] == 3
