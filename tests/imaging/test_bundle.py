"""A bundle is complete or refused; what it answers."""

import hashlib
import os
import re
import shutil

import numpy as np
import pytest

from apps.imaging.__main__ import newest_bundle
from apps.imaging.bundle import load_bundle
from apps.imaging.bundle.manifest import seal
from apps.imaging.errors import BadBundle
from apps.imaging.phantom import make_phantom
from apps.imaging.projections import project
from apps.imaging.vocabulary import PICTURES
from tests.imaging.tiny_bundle import constant_classifier, constant_profile, npy, write_tiny_bundle


@pytest.fixture
def folder(tmp_path):
    return write_tiny_bundle(tmp_path / "tiny")


@pytest.fixture
def pictures():
    return {name: np.full((512, 512), 120, dtype=np.uint8) for name in PICTURES}


def edit(folder, old, new):
    manifest = folder / "bundle.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    seal(folder)


def test_a_complete_bundle_answers_both_questions(folder, pictures):
    bundle = load_bundle(folder)
    said = bundle.classify(pictures)
    assert (said.body_part.label, said.contrast.label) == ("chest", "enhanced")
    assert said.body_part.planes["axial"]["chest"] == pytest.approx(0.9)
    assert not said.abstained and said.reason == ""
    assert said.bundle == {"name": "tiny", "version": "1.0.0", "sha256": bundle.sha256}
    assert said.recipe == "constant answers for tests"
    assert said.device.startswith("CPU, ONNX Runtime") and said.seconds > 0


def test_the_bundle_hash_is_that_of_its_manifest(folder):
    assert load_bundle(folder).sha256 == hashlib.sha256((folder / "bundle.toml").read_bytes()).hexdigest()


def test_one_dissenting_plane_is_outvoted_and_still_shown(tmp_path, pictures):
    folder = write_tiny_bundle(tmp_path, planes={("body_part", "axial"): "neck"})
    said = load_bundle(folder).classify(pictures).body_part
    assert said.label == "chest"
    assert max(said.planes["axial"], key=said.planes["axial"].get) == "neck"


def test_all_air_pictures_are_abstained_on(folder):
    air = {name: np.zeros((512, 512), dtype=np.uint8) for name in PICTURES}
    said = load_bundle(folder).classify(air)
    assert said.body_part.abstained and said.contrast.abstained


def test_pictures_unlike_the_training_pictures_are_abstained_on(tmp_path, pictures):
    said = load_bundle(write_tiny_bundle(tmp_path, distance=0.6)).classify(pictures).body_part
    assert said.label is None and said.scores["chest"] == pytest.approx(0.9)
    assert said.distance == pytest.approx(0.6, abs=1e-3)
    assert "unlike those that the ensemble was trained on (distance 0.6001, limit 0.5000)" in said.reason


def test_the_activation_lies_where_the_evidence_for_the_voted_class_is(folder, pictures):
    pictures["mip_axial"][:128, 384:] = 250  # the upper right place of 4 x 4
    said = load_bundle(folder).classify(pictures)
    assert said.body_part.activations["axial"] == [[0, 0, 0, 255], *[[0, 0, 0, 0]] * 3]
    assert said.to_json()["body_part"]["activations"]["axial"][0][3] == 255


def test_the_temperature_flattens_the_scores_and_keeps_the_label(folder, pictures):
    sharp = load_bundle(folder).classify(pictures).body_part
    edit(folder, "temperature = 1", "temperature = 1.5")
    flat = load_bundle(folder).classify(pictures).body_part
    assert flat.label == sharp.label == "chest"
    # 0.9 against five times 0.02: powers of 1 / 1.5
    assert flat.score == pytest.approx(0.9 ** (2 / 3) / (0.9 ** (2 / 3) + 5 * 0.02 ** (2 / 3)), abs=1e-4)


def test_classes_of_any_word_are_answered_with(folder, pictures):
    edit(folder, "'enhanced', 'non_contrast'", "'portal_venous', 'non_contrast'")
    assert load_bundle(folder).classify(pictures).contrast.label == "portal_venous"


def test_any_class_of_the_bundle_may_be_silent(folder, pictures):
    edit(folder, "silent = ['other']", "silent = ['chest', 'other']")
    said = load_bundle(folder).classify(pictures).body_part
    assert said.label is None and "(chest, score 0.90)" in said.reason


def test_a_bundle_with_coverage_says_which_regions_are_there(tmp_path, pictures):
    bundle = load_bundle(write_tiny_bundle(tmp_path, coverage={"chest": (0, 0.5), "abdomen": (0.5, 1)}))
    bundle.prepare()
    assert bundle.classify(pictures).coverage.names == ("chest", "abdomen")


def test_a_bundle_without_coverage_says_nothing_of_it(folder, pictures):
    said = load_bundle(folder).classify(pictures)
    assert said.coverage is None and said.to_json()["coverage"] is None


def test_each_file_of_a_bundle_is_refused_by_name_when_one_byte_changes(tmp_path):
    folder = write_tiny_bundle(tmp_path, coverage={"chest": (0, 1)})
    load_bundle(folder)
    files = sorted(folder.iterdir())
    assert len(files) == 2 * 3 * 2 + 2 + 4
    for file in files:
        content = file.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            file.write_bytes(changed)
            with pytest.raises(BadBundle, match=re.escape(file.name)):
                load_bundle(folder)
        file.write_bytes(content)
    load_bundle(folder)


def test_a_model_that_is_replaced_after_loading_is_refused(folder, pictures):
    bundle = load_bundle(folder)
    (folder / "contrast-axial.onnx").write_bytes((folder / "body_part-axial.onnx").read_bytes())
    with pytest.raises(
        BadBundle, match=r"contrast-axial\.onnx is not the file .* SHA-256 .*; copy the whole bundle anew"
    ):
        bundle.classify(pictures)


@pytest.mark.parametrize(
    "missing",
    [
        "bundle.toml",
        "bundle.toml.sha256",
        "body_part-coronal.onnx",
        "contrast-axial.npy",
        "CARD.md",
        "metrics.json",
    ],
)
def test_an_incomplete_bundle_is_refused(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(BadBundle, match=f"{missing} cannot be read"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("format = 2", "format = 9", "format is 9"),
        ("format = 2\n", "", "format is None"),
        ('version = "1.0.0"', "version = 1", "version is 1, not a text"),
        ("format = 2", "format = 2\nthreads = 4", "threads is not known"),
        ("min_score", "minimum_score", "min_score is missing"),
        ("min_score = 0.5", "min_score = nan", "min_score holds nan"),
        ("min_score = 0.5", "min_score = 7", "must lie between 0 and 1"),
        ("min_planes_agreeing = 2", "min_planes_agreeing = 4", "must lie between 1 and 3"),
        ("min_planes_agreeing = 2", "min_planes_agreeing = 2.5", "not a whole number"),
        ("'brain', 'neck'", "'brain', 'Knee joint'", "not two or more words"),
        ("'brain', 'neck'", "'brain', 'brain'", "each once"),
        ("silent = ['other']", "silent = ['knee']", "not some of the classes brain, neck"),
        ("silent = []", "silent = ['enhanced', 'non_contrast']", "not some of the classes"),
        ("silent = []", "silent = []\nnot_of = ['knee']", "contrast may name classes of the body part there, brain"),
        ("silent = ['other']", "silent = ['other']\nnot_of = ['brain']", "not_of of body_part is"),
        ("temperature = 1", "temperature = 0", "not positive"),
        ("max_distance = 0.5", "max_distance = 3", "more than 0 and at most 2"),
        ("max_distance = 0.5\n", "", "max_distance is missing"),
        ('"metrics.json" =', '"notes.txt" =', "metrics.json is missing"),
        ('"body_part-axial.npy"', '"/tmp/body_part-axial.npy"', "not the name of an .npy file"),
        ("windows_hu = [[-450, 550]]", "windows_hu = [[550, -450]]", "a lower and a higher HU"),
        ("windows_hu = [[-450, 550]]", "windows_hu = [[-450]]", "not a list of pairs"),
        ("mean = [0.5]", "mean = [0.5, 0.5]", "one entry per channel"),
        ("std = [0.5]", "std = [0]", "positive"),
        ('"mip_axial"', '"mip_coronal"', "not one of the axial pictures"),
        ('"body_part-axial.onnx"', '"../body_part-axial.onnx"', "not the name of an .onnx file"),
        (
            "[modules.contrast.members.axial]",
            "[modules.contrast.members.oblique]",
            "members.axial is missing",
        ),
        ("[modules.contrast]", "[modules.contrast", "is not TOML"),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(folder, old, new, sentence):
    edit(folder, old, new)
    with pytest.raises(BadBundle, match=sentence) as refusal:
        load_bundle(folder)
    assert "bundle.toml" in str(refusal.value)


def replace(folder, content, name="body_part-axial.onnx"):
    path = folder / name
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(content)
    edit(folder, old, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (constant_classifier([0.5, 0.5]), r"gives logits of shape \(1, 2\)"),
        (constant_classifier([0.1] * 6, features=3), r"axial\.npy holds embeddings of 2 features, .* gives 3"),
        (constant_classifier([0.1] * 6, channels=3), "cannot be run"),
        (constant_profile({}), "cannot be run"),
    ],
)
def test_a_model_that_does_not_fit_the_manifest_is_refused(folder, pictures, model, sentence):
    replace(folder, model.SerializeToString())
    with pytest.raises(BadBundle, match=sentence) as refusal:
        load_bundle(folder).classify(pictures)
    assert "body_part-axial" in str(refusal.value)


def test_a_model_that_is_no_network_is_refused(folder, pictures):
    replace(folder, b"not a network")
    with pytest.raises(BadBundle, match=r"body_part-axial\.onnx cannot be run"):
        load_bundle(folder).classify(pictures)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not an array", "is not an array"),
        (npy(np.array([{"a": 1}], dtype=object)), "is not an array"),
        (npy(np.ones((1, 2), dtype=np.float32)), "does not hold embeddings"),
        (npy(np.ones(2, dtype=np.float16)), "does not hold embeddings"),
        (npy(np.ones((0, 2), dtype=np.float16)), "does not hold embeddings"),
        (npy(np.ones((1, 2), dtype=np.float16)), "holds embeddings that are not of length 1"),
        (npy(np.full((1, 2), np.nan, dtype=np.float16)), "holds embeddings that are not of length 1"),
    ],
)
def test_references_that_are_no_unit_vectors_are_refused(folder, content, sentence):
    replace(folder, content, "body_part-axial.npy")
    with pytest.raises(BadBundle, match=rf"body_part-axial\.npy {sentence}"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("'head', 'neck'", "'neck', 'head'", "coverage.regions are"),
        ("max_gap = 0.1", "max_gap = 7", "coverage.limits are not understood: max_gap"),
        ("max_gap = 0.1", "max_gap = true", "coverage.limits.max_gap holds True"),
        ("[coverage.members.sagittal]", "[coverage.members.axial]", "coverage.members.sagittal is missing"),
        ('"mip_sagittal"', '"mip_axial"', "not one of the sagittal pictures"),
    ],
)
def test_coverage_that_is_not_understood_is_refused(tmp_path, old, new, sentence):
    folder = write_tiny_bundle(tmp_path, coverage={"chest": (0, 1)})
    manifest = folder / "bundle.toml"
    head, tables = manifest.read_text().split("[coverage]")
    assert old in tables
    manifest.write_text(head + "[coverage]" + tables.replace(old, new, 1))
    seal(folder)
    with pytest.raises(BadBundle, match=sentence):
        load_bundle(folder)


def test_a_coverage_network_without_the_regions_is_refused(tmp_path, pictures):
    folder = write_tiny_bundle(tmp_path, coverage={"chest": (0, 1)})
    replace(folder, constant_classifier([0.5, 0.5]).SerializeToString(), "coverage-coronal.onnx")
    with pytest.raises(BadBundle, match=r"coverage-coronal\.onnx cannot be run"):
        load_bundle(folder).prepare()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadBundle, match=r"nowhere/bundle\.toml cannot be read"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda pictures: pictures.pop("mid_axial"), "mid_axial is missing"),
        (lambda pictures: pictures.update(mip_axial=np.zeros((256, 256), np.uint8)), "not uint8"),
        (lambda pictures: pictures.update(mip_axial=np.zeros((512, 512))), "float64"),
    ],
)
def test_pictures_of_another_form_are_refused(folder, pictures, spoil, sentence):
    spoil(pictures)
    with pytest.raises(ValueError, match=sentence):
        load_bundle(folder).classify(pictures)


def test_a_copied_bundle_is_the_same_bundle(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert load_bundle(copy).identity == load_bundle(folder).identity


def test_networks_side_by_side_say_what_they_say_one_after_the_other(tmp_path, pictures):
    folder = write_tiny_bundle(tmp_path, planes={("body_part", "axial"): "neck"}, coverage={"chest": (0, 1)})
    pictures["mip_axial"][:128, :128] = 250
    one, two = (load_bundle(folder, threads=threads).classify(pictures).to_json() for threads in (1, 2))
    for said in (one, two):
        del said["seconds"], said["device"]
    assert one == two


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_sessions(folder, pictures):
    bundle = load_bundle(folder, threads=2)
    bundle.prepare()
    child = os.fork()
    if child == 0:
        answered = bundle.classify(pictures).body_part.label == "chest"
        os._exit(0 if answered else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


SHIPPED = newest_bundle()


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(SHIPPED, threads=2)


def test_the_shipped_bundle_is_complete_and_small(shipped):
    assert set(shipped.modules) == {"body_part", "contrast"}
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 60e6


@pytest.mark.parametrize("contrast", ["enhanced", "non_contrast"])
@pytest.mark.parametrize("region", ["chest", "abdomen"])
def test_the_shipped_bundle_names_somebody_it_was_not_trained_on(shipped, region, contrast):
    voxels, _ = make_phantom(region, enhanced=contrast == "enhanced", seed=21)
    said = shipped.classify(project(voxels))
    assert (said.body_part.label, said.contrast.label) == (region, contrast)


def test_the_shipped_bundle_gives_no_body_part_for_a_leg_or_for_air(shipped):
    leg, _ = make_phantom("thigh", seed=21)
    assert shipped.classify(project(leg)).body_part.abstained
    assert shipped.classify(project(np.full((20, 64, 64), -1000, dtype=np.int16))).abstained
