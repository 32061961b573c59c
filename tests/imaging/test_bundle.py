"""A bundle is complete or refused; what it answers."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from apps.imaging.bundle import load_bundle
from apps.imaging.errors import BadBundle
from apps.imaging.phantom import make_phantom
from apps.imaging.projections import project
from apps.imaging.vocabulary import PICTURES
from tests.imaging.tiny_bundle import constant_classifier, write_tiny_bundle


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


def test_a_complete_bundle_answers_both_questions(folder, pictures):
    bundle = load_bundle(folder)
    said = bundle.classify(pictures)
    assert (said.body_part.label, said.contrast.label) == ("chest", "enhanced")
    assert said.body_part.planes["axial"]["chest"] == pytest.approx(0.9)
    assert not said.abstained and said.reason == ""
    assert said.bundle == {"name": "tiny", "version": "1.0.0", "sha256": bundle.sha256}
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


def test_an_altered_model_is_refused(folder):
    with (folder / "contrast-axial.onnx").open("ab") as model:
        model.write(b"\0")
    with pytest.raises(BadBundle, match=r"contrast-axial\.onnx is not the file .* SHA-256"):
        load_bundle(folder)


@pytest.mark.parametrize("missing", ["bundle.toml", "body_part-coronal.onnx", "CARD.md", "metrics.json"])
def test_an_incomplete_bundle_is_refused(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(BadBundle, match=f"{missing} cannot be read"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("format = 1", "format = 9", "format is 9"),
        ("format = 1\n", "", "format is None"),
        ('version = "1.0.0"', "version = 1", "version is 1, not a text"),
        ("format = 1", "format = 1\nthreads = 4", "threads is not known"),
        ("min_score", "minimum_score", "min_score is missing"),
        ("min_score = 0.5", "min_score = nan", "min_score holds nan"),
        ("min_score = 0.5", "min_score = 7", "must lie between 0 and 1"),
        ("min_planes_agreeing = 2", "min_planes_agreeing = 4", "must lie between 1 and 3"),
        ("'brain', 'neck'", "'brain', 'knee'", "known are brain, neck"),
        ("'brain', 'neck'", "'brain', 'brain'", "each once"),
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


def replace_model(folder, content):
    path = folder / "body_part-axial.onnx"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(content)
    edit(folder, old, hashlib.sha256(content).hexdigest())


def test_a_model_that_gives_other_classes_is_refused(folder, pictures):
    replace_model(folder, constant_classifier([0.5, 0.5]).SerializeToString())
    with pytest.raises(BadBundle, match=r"body_part-axial\.onnx gives scores of shape \(1, 2\)"):
        load_bundle(folder).classify(pictures)


def test_a_model_that_is_no_network_is_refused(folder, pictures):
    replace_model(folder, b"not a network")
    with pytest.raises(BadBundle, match=r"body_part-axial\.onnx cannot be run"):
        load_bundle(folder).classify(pictures)


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


SHIPPED = Path(__file__).parents[2] / "models" / "imageqc-lite" / "0.1.0"


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
