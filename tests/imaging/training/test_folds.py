"""Folds of patients, and how often each series is drawn."""

import pytest

from apps.imaging.errors import BadManifest, BadRun
from apps.imaging.training.folds import assign_folds, read_folds, write_folds
from apps.imaging.training.sampling import balanced_weights
from apps.imaging.training.store import StoredSeries


def series(patient, body_part="", contrast="", of_set="development", source="one"):
    labels = {"body_part": body_part, "contrast": contrast}
    labels = {module: word for module, word in labels.items() if word}
    return StoredSeries(patient, patient, labels, of_set, source, "", "A", "real")


def test_a_patient_never_stands_in_two_folds_and_rare_classes_are_spread():
    rows = [series(f"p{index}", "chest", "enhanced") for index in range(9)]
    rows += [series(f"p{index}", "abdomen", "enhanced") for index in range(3)]
    rows += [series("p0", "abdomen", "non_contrast")]
    folds = assign_folds(rows, 3)
    assert set(folds) == {f"p{index}" for index in range(9)}
    assert {folds["p0"], folds["p1"], folds["p2"]} == {0, 1, 2}
    assert sorted(list(folds.values()).count(fold) for fold in range(3)) == [3, 3, 3]


def test_silent_classes_are_dealt_too():
    rows = [series(f"limb {index}", "other") for index in range(6)] + [series(f"p{n}", "chest") for n in range(6)]
    folds = assign_folds(rows, 3)
    assert sorted(folds[f"limb {index}"] for index in range(6)) == [0, 0, 1, 1, 2, 2]


def test_folds_are_the_same_each_time_and_in_any_order():
    rows = [series(f"p{index}", ("chest", "neck")[index % 2]) for index in range(11)]
    assert assign_folds(rows, 5) == assign_folds(list(reversed(rows)), 5)


def test_validation_sets_are_in_no_fold():
    rows = [series("a", "chest"), series("b", "chest"), series("c", "chest", of_set="external")]
    assert set(assign_folds(rows, 2)) == {"a", "b"}


def test_fewer_patients_than_folds_are_refused():
    with pytest.raises(BadManifest, match="5 folds need at least 5 patients in the development set, not 1"):
        assign_folds([series("a", "chest"), series("a", "neck")], 5)
    with pytest.raises(BadManifest, match="not 0"):
        assign_folds([], 2)


def test_folds_survive_their_file(tmp_path):
    write_folds(tmp_path / "folds.csv", {"b": 1, "a, junior": 0})
    assert read_folds(tmp_path / "folds.csv") == {"a, junior": 0, "b": 1}
    (tmp_path / "folds.csv").write_text("patient,fold\na,first\n")
    with pytest.raises(BadRun, match="does not say which patient"):
        read_folds(tmp_path / "folds.csv")


def test_classes_are_drawn_alike_however_few_there_are():
    rows = [series(f"a{index}", "abdomen", "enhanced") for index in range(9)] + [series("b", "abdomen", "non_contrast")]
    weights = balanced_weights(rows, "contrast")
    assert weights.sum() == pytest.approx(1)
    assert weights[9] == pytest.approx(0.5)


def test_both_contrasts_get_the_same_mixture_of_regions():
    rows = [series(f"a{n}", "abdomen", "enhanced") for n in range(8)] + [series("b", "chest", "enhanced")]
    rows += [series("c", "chest", "non_contrast"), series("d", "abdomen", "non_contrast")]
    weights = balanced_weights(rows, "contrast")
    assert weights[8] == pytest.approx(0.25) and weights[9] == pytest.approx(0.25)


def test_a_large_source_does_not_outvote_a_small_one():
    rows = [series(f"a{n}", "chest", source="large") for n in range(9)] + [series("b", "chest", source="small")]
    rows += [series("c", "neck")]
    weights = balanced_weights(rows, "body_part")
    assert weights[9] > 2 * weights[0] and weights[9] < weights[:9].sum()
