"""Training: augmentation and folds run anywhere; networks and export need the training packages."""

import json
import tomllib

import numpy as np
import pytest

from apps.imaging.bundle import load_bundle
from apps.imaging.training.augmentation import augment, prepare, quality_object, random_range
from apps.imaging.training.evaluate import HeldOut, answers, choose_threshold, wilson
from apps.imaging.training.pictures import NETWORK_SIZE, PICTURE_NAMES, PictureSet, network_pictures
from apps.imaging.training.tasks import BODY_PART, CONTRAST, assign_folds, balanced_weights, labels_of
from apps.imaging.vocabulary import PICTURES, PLANES


def a_set(rows):
    """A picture set of (subject, body_part, contrast) rows with blank pictures."""
    return PictureSet(
        pixels=np.zeros((len(rows), len(PICTURE_NAMES), NETWORK_SIZE, NETWORK_SIZE), dtype=np.uint8),
        name=[f"series {index}" for index in range(len(rows))],
        subject=[row[0] for row in rows],
        source=["one source"] * len(rows),
        quality=["A"] * len(rows),
        body_part=[row[1] for row in rows],
        contrast=[row[2] for row in rows],
    )


@pytest.fixture
def cylinder():
    """A body of water, 40 slices of 64 x 64 pixels of 6 mm, on a couch."""
    rows, columns = np.ogrid[:64, :64]
    voxels = np.full((40, 64, 64), -1000, dtype=np.int16)
    voxels[:, (rows - 30) ** 2 + (columns - 32) ** 2 < 20**2] = 40
    voxels[:, 55:57, 10:54] = 200
    return voxels, np.array([3.0, 6.0, 6.0])


def test_the_body_is_kept_and_the_couch_masked(cylinder):
    scan = prepare(*cylinder)
    assert scan.masked[20, 30, 32] == 40
    assert scan.masked[20, 56, 32] == -1024
    assert scan.voxels[20, 56, 32] == 200


def test_the_same_seed_gives_the_same_series(cylinder):
    scan = prepare(*cylinder)
    first, again, other = (augment(scan, 5, 34, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_an_augmented_series_still_shows_the_body(cylinder):
    scan = prepare(*cylinder)
    for seed in range(8):
        voxels = augment(scan, 5, 34, np.random.default_rng(seed))
        assert voxels.dtype == np.int16
        centre = voxels[len(voxels) // 2, voxels.shape[1] // 2 - 8 : voxels.shape[1] // 2 + 8]
        assert -40 < np.median(centre[:, voxels.shape[2] // 2]) < 120


def test_a_random_range_stays_in_the_volume():
    for seed in range(50):
        start, end = random_range(0, 39, 40, np.random.default_rng(seed))
        assert 0 <= start < end <= 40


def test_quality_objects_have_pictures():
    pictures = network_pictures(quality_object(np.random.default_rng(3)))
    assert pictures.shape == (6, NETWORK_SIZE, NETWORK_SIZE) and pictures.max() > 0


def test_a_subject_never_stands_in_two_folds_and_rare_classes_are_spread():
    rows = [(f"p{index}", "chest", "enhanced") for index in range(9)]
    rows += [(f"p{index}", "abdomen", "enhanced") for index in range(3)] + [("p0", "abdomen", "non_contrast")]
    folds = assign_folds(a_set(rows), 3)
    assert set(folds) == {f"p{index}" for index in range(9)}
    assert {folds["p0"], folds["p1"], folds["p2"]} == {0, 1, 2}
    assert sorted(list(folds.values()).count(fold) for fold in range(3)) == [3, 3, 3]


def test_both_contrasts_are_drawn_alike_however_few_there_are():
    rows = [(f"a{index}", "abdomen", "enhanced") for index in range(9)] + [("b", "abdomen", "non_contrast")]
    pictures = a_set(rows)
    labels = labels_of(CONTRAST, pictures)
    weights = balanced_weights(pictures, labels, np.arange(10))
    assert weights.sum() == pytest.approx(1)
    assert weights[labels == 1].sum() == pytest.approx(0.5)


def test_series_without_a_contrast_label_are_not_for_the_contrast_module():
    pictures = a_set([("a", "other", ""), ("b", "", "enhanced"), ("c", "brain", "non_contrast")])
    assert labels_of(CONTRAST, pictures).tolist() == [-1, 0, 1]
    assert labels_of(BODY_PART, pictures).tolist() == [5, -1, 0]


def test_a_picture_set_survives_its_file(tmp_path):
    rows = [("a", "brain", "enhanced"), ("b", "", "non_contrast")]
    a_set(rows).save(tmp_path / "one.npz")
    both = PictureSet.load(tmp_path / "one.npz", tmp_path / "one.npz")
    assert both.subject == ["a", "b", "a", "b"] and both.pixels.shape[0] == 4


def test_the_wilson_interval_of_the_paper():
    low, high = wilson(447, 448)  # ImageQC-net: 99.8 %, 98.75 to 99.96
    assert (round(100 * low, 2), round(100 * high, 2)) == (98.75, 99.96)


def held_out(scores, labels):
    planes = {plane: np.array([[score, 1 - score] for score in scores]) for plane in PLANES}
    return HeldOut(CONTRAST, np.arange(len(labels)), np.array(labels), planes)


def test_the_threshold_is_the_lowest_that_keeps_the_answers_right():
    held = held_out([0.95, 0.9, 0.85, 0.62, 0.58], [0, 0, 0, 1, 1])
    pictures = a_set([(f"p{index}", "chest", "enhanced") for index in range(5)])
    threshold = choose_threshold(held, pictures, aim=1.0, min_coverage=0.5, min_planes_agreeing=2)
    assert 0.62 < threshold <= 0.7
    assert answers(held, threshold, 2).tolist() == [True, True, True, False, False]


def test_an_exported_bundle_answers_as_the_trained_networks_do(tmp_path):
    torch = pytest.importorskip("torch", reason="the training packages are not installed")
    from apps.imaging.ensemble import Abstention
    from apps.imaging.networks import make_network
    from apps.imaging.training.export import BundleIdentity, write_bundle
    from apps.imaging.training.tasks import TASKS
    from apps.imaging.training.train import Settings

    run = tmp_path / "run"
    run.mkdir()
    for task in TASKS.values():
        for plane in PLANES:
            network = make_network("efficientnet_lite0", len(task.classes), None)
            torch.save(network.state_dict(), run / f"{task.module}-{plane}-all.pt")
    plain = a_set([("a", "brain", "enhanced"), ("b", "chest", "non_contrast")])
    folder = tmp_path / "bundle"
    write_bundle(
        folder,
        BundleIdentity("untrained", "0.0.1", "2026-01-01", "random weights"),
        run,
        plain,
        Settings(weights=tmp_path),
        {name: Abstention(0.5, 2, -300.0, 0.02) for name in TASKS},
        {},
        "# untrained\n",
    )
    measured = json.loads((folder / "metrics.json").read_text())["onnx_against_torch"]
    assert all(entry["largest_difference"] < 0.02 for entry in measured.values())
    assert tomllib.loads((folder / "bundle.toml").read_text())["modules"]["contrast"]["classes"]
    pictures = {name: np.full((512, 512), 120, dtype=np.uint8) for name in PICTURES}
    assert sum(load_bundle(folder).classify(pictures).contrast.scores.values()) == pytest.approx(1, abs=1e-3)


def test_weights_of_another_network_are_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="the training packages are not installed")
    from apps.imaging.networks import make_network

    state = make_network("efficientnet_lite0", 1000, None).state_dict()
    state.pop("stem.1.weight")
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="tensors, EfficientNet-Lite0 has"):
        make_network("efficientnet_lite0", 6, tmp_path / "weights.pth")
