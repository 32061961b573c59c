"""From a run to a bundle that answers as the trained networks do."""

import json
import shutil
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from apps.imaging.__main__ import main
from apps.imaging.bundle import load_bundle
from apps.imaging.bundle.manifest import MODULES
from apps.imaging.coverage import PLANES_OF_COVERAGE, CoverageLimits
from apps.imaging.ensemble import InputRecipe, network_input
from apps.imaging.errors import BadBundle, BadRun
from apps.imaging.novelty import choose_references, distance
from apps.imaging.training.assemble import Identity, coverage_metrics, to_toml, write_bundle, write_coverage
from apps.imaging.training.ensemble_file import choose
from apps.imaging.training.evaluate.chosen import USUAL_SETTINGS
from apps.imaging.vocabulary import PICTURES, PLANES, REGIONS
from tests.imaging.tiny_bundle import constant_profile
from tests.imaging.training.tiny_run import write_tiny_run

TORCH = "the training packages are not installed"

CHOSEN_PRECISION = "fp16"
"""Of the bundle that most tests look at."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose `all` classifiers have weights (random ones), references and an ensemble."""
    torch = pytest.importorskip("torch", reason=TORCH)
    from apps.imaging.networks import make_network
    from apps.imaging.training.export import network_inputs, shown_series, torch_answers

    torch.manual_seed(3)
    run = write_tiny_run(tmp_path_factory.mktemp("trained") / "run")
    for one in run.classifiers():
        if one.part != "all":
            continue
        network = make_network(run.recipe.backbone.name, len(run.classes(one.module))).train()
        series = shown_series(run.real, one.module, [one.picture])
        inputs = network_inputs(run.real, one.picture, series, run.recipe.modules[one.module].input)
        # Batch norm learns the statistics of noise; with its first ones every picture would give the same features.
        with torch.no_grad():
            for layer in network.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.momentum = None
            network(torch.randn(64, 3, 32, 32))
            network.head.weight.mul_(5)
        torch.save(network.state_dict(), one.folder / "weights.pt")
        np.save(
            one.folder / "references.npy", choose_references(torch_answers(network.eval(), inputs).embeddings, 4, 1)
        )
    choose(run, USUAL_SETTINGS, published=False).save(run.folder)
    return run


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "0.0.1"
    remarks, licences = folder.parent / "remarks.md", folder.parent / "licences.csv"
    remarks.write_text("- Untrained: a coin would do as well.\n")
    licences.write_text("source,licence\nhospital A,CC BY 4.0\n")
    said = ["--name", "untrained", "--version", "0.0.1", "--created", "2026-01-01", "--precision", CHOSEN_PRECISION]
    said += ["--remarks", str(remarks), "--licences", str(licences)]
    assert main(["export", str(trained.folder), str(folder), *said]) == 0
    return folder


def test_the_bundle_answers_as_the_trained_networks_do(trained, exported):
    from apps.imaging.training.export import load_network, torch_answers

    bundle = load_bundle(exported)
    index = 0
    pictures = {name: np.asarray(trained.real.picture(name)[index]) for name in PICTURES}
    said = bundle.classify(pictures)
    for module, answer in (("body_part", said.body_part), ("contrast", said.contrast)):
        apart = []
        for member in bundle.modules[module].members:
            folder = trained.folder / "classifiers" / module / member.picture / "all"
            network = load_network("efficientnet_lite0", len(trained.classes(module)), folder / "weights.pt")
            inputs = network_input(pictures[member.picture], bundle.modules[module].recipe)[np.newaxis]
            logits = torch_answers(network, inputs).logits[0] / bundle.modules[module].temperature
            scores = np.exp(logits) / np.exp(logits).sum()
            assert list(answer.planes[member.plane].values()) == pytest.approx(scores, abs=0.05)
            apart.append(distance(torch_answers(network, inputs).embeddings[0], np.load(folder / "references.npy")))
        assert answer.distance == pytest.approx(np.mean(apart), abs=0.01)


def test_the_activation_adds_up_to_the_logits(trained, exported):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported / "body_part-axial.onnx"))
    inputs = np.random.default_rng(1).normal(size=(2, 3, 32, 32)).astype(np.float32)
    logits, features, activation = session.run(["logits", "features", "activation"], {"pixels": inputs})
    shares = activation.mean(axis=(2, 3))
    bias = logits - shares
    assert bias[0] == pytest.approx(bias[1], abs=1e-3)
    assert features.shape == (2, 1280, 1, 1) and activation.shape == (2, 4, 1, 1)


def test_the_manifest_holds_what_was_chosen(trained, exported):
    manifest = tomllib.loads((exported / "bundle.toml").read_text())
    contrast = manifest["modules"]["contrast"]
    assert contrast["classes"] == ["enhanced", "non_contrast"] and contrast["silent"] == []
    assert manifest["modules"]["body_part"]["silent"] == ["other"]
    assert contrast["members"]["coronal"]["picture"] == "mid_coronal"
    chosen = choose(trained, USUAL_SETTINGS, published=False).modules["contrast"]
    assert contrast["abstention"]["max_distance"] == chosen.abstention.max_distance
    assert contrast["temperature"] == pytest.approx(chosen.temperature, abs=1e-4)
    assert manifest["created"] == "2026-01-01" and "efficientnet_lite0" in manifest["recipe"]


def test_parity_with_torch_is_measured_and_kept(exported):
    kept = json.loads((exported / "metrics.json").read_text())
    for module in ("body_part", "contrast"):
        measured = kept["onnx_against_torch"][module]
        assert measured["precision"] == dict.fromkeys(PLANES, CHOSEN_PRECISION)
        for plane in PLANES:
            assert measured["planes"][plane]["fp32"]["largest_difference"] < 1e-3
            assert measured["planes"][plane]["fp32"]["same_class"] == 1
            assert measured["planes"][plane]["fp16"]["pictures"] == measured["series"]
    assert kept["bundle"]["modules"]["body_part"]["sets"]["external"]["ensemble"]["n"] == 6


def test_the_card_says_use_scores_limits_and_data(exported):
    card = (exported / "CARD.md").read_text()
    assert "not a medical device" in card
    assert "### External validation" in card and "| body part, 6 patients |" in card
    assert "a coin would do as well" in card
    assert "| hospital A | CC BY 4.0 |" in card and "| hospital B | not given |" in card
    assert "the class is other" in card
    assert "Both labels right, before any abstention: " in card


def test_a_bundle_is_never_written_over(trained, exported, capsys):
    before = (exported / "bundle.toml").read_bytes()
    assert main(["export", str(trained.folder), str(exported), "--name", "u", "--version", "9"]) == 2
    assert "a bundle is never changed" in capsys.readouterr().err
    assert (exported / "bundle.toml").read_bytes() == before


def test_int8_is_calibrated_measured_and_taken_only_where_it_agrees(trained, tmp_path):
    from apps.imaging.training.export import export_module

    chosen = choose(trained, USUAL_SETTINGS, published=False).modules["contrast"]
    ready, measured = export_module(trained, "contrast", chosen, "auto", tmp_path)
    for plane in PLANES:
        agrees = measured["planes"][plane]["int8"]["same_class"] >= 0.99
        assert measured["precision"][plane] == "fp16" or agrees
        size = {kind: (tmp_path / f"contrast-{plane}-{kind}.onnx").stat().st_size for kind in ("fp32", "fp16", "int8")}
        assert size["int8"] < size["fp16"] < size["fp32"]
        assert ready.members[plane].model.name == f"contrast-{plane}-{measured['precision'][plane]}.onnx"
    assert measured["vote"]["same_class"] == 1


def test_weights_of_another_network_are_refused(trained, tmp_path):
    torch = pytest.importorskip("torch", reason=TORCH)
    from apps.imaging.training.export import load_network

    torch.save({"stem.0.weight": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(BadRun, match=r"weights\.pt does not hold"):
        load_network("efficientnet_lite0", 2, tmp_path / "weights.pt")


def test_coverage_networks_go_into_the_bundle(trained, exported, tmp_path):
    from apps.imaging.training.export import export_module

    coverage = tmp_path / "coverage"
    coverage.mkdir()
    limits = CoverageLimits(0.5, 0.1, 0.02, 0.3, dict.fromkeys(REGIONS, 100.0))
    members = {}
    for plane in PLANES_OF_COVERAGE:
        (coverage / f"{plane}.onnx").write_bytes(constant_profile({"chest": (0, 1)}).SerializeToString())
        members[plane] = (f"mip_{plane}", f"{plane}.onnx")
    write_coverage(coverage, InputRecipe(16, ((-450, 550),), (0.5,), (0.5,)), limits, members)
    chosen = choose(trained, USUAL_SETTINGS, published=False).modules
    modules = {
        name: export_module(trained, name, chosen[name], "fp32", tmp_path)[0] for name in ("body_part", "contrast")
    }
    modules["contrast"] = replace(modules["contrast"], not_of=("brain",))
    folder = tmp_path / "covered"
    write_bundle(folder, Identity("c", "1", "2026-01-01", "r"), modules, coverage, {"coverage": {"n": 3}}, "# card\n")
    pictures = {name: np.full((512, 512), 120, dtype=np.uint8) for name in PICTURES}
    assert load_bundle(folder).classify(pictures).coverage.names == ("chest",)
    assert load_bundle(folder).modules["contrast"].not_of == ("brain",)

    # The next version keeps the networks and their figures from the bundle itself.
    write_bundle(tmp_path / "next", Identity("c", "2", "2026-01-02", "r"), modules, folder, {}, "# card\n")
    assert coverage_metrics(folder) == {"n": 3} and coverage_metrics(coverage) is None
    assert load_bundle(tmp_path / "next").coverage.limits == limits
    model = folder / "coverage-coronal.onnx"
    assert (tmp_path / "next" / model.name).read_bytes() == model.read_bytes()
    model.write_bytes(b"other")
    with pytest.raises(BadBundle, match=r"coverage-coronal\.onnx is not the file"):
        write_bundle(tmp_path / "third", Identity("c", "3", "2026-01-02", "r"), modules, folder, {}, "# card\n")

    (coverage / "coronal.onnx").unlink()
    with pytest.raises(BadRun, match="no coverage networks that can be read"):
        write_bundle(tmp_path / "other", Identity("c", "1", "2026-01-01", "r"), modules, coverage, {}, "# card\n")
    assert not (tmp_path / "other").exists() and [path.name for path in tmp_path.glob(".other*")] == []


def test_a_table_is_written_as_the_toml_that_it_is():
    table = {"a": 1, "b": {"c": [[1.5, -2.0]], "d": {"CARD.md": 'a "b"'}}, "e": {"f": {"g": True}}}
    assert tomllib.loads("\n".join(to_toml(table))) == table


def test_a_module_may_come_from_another_run(trained, tmp_path):
    from apps.imaging.training.commands import export as command

    taken = {"body_part": trained.folder, "contrast": trained.folder}
    origins = command._origins(tmp_path / "nothing", taken, MODULES)
    assert [origin.run.folder for origin in origins.values()] == [trained.folder] * 2
    with pytest.raises(BadRun, match="is no training run"):
        command._origins(tmp_path / "nothing", {"contrast": trained.folder}, MODULES)
    with pytest.raises(BadRun, match="--take names spine"):
        command._known({"spine": trained.folder})


def test_a_module_of_an_earlier_bundle_is_kept_to_the_byte(trained, exported, tmp_path, capsys):
    folder = tmp_path / "next"
    asked = ["export", str(trained.folder), str(folder), "--take", f"body_part={exported}", "--precision", "fp32"]
    assert main([*asked, "--name", "ours", "--version", "2"]) == 0
    before, after = load_bundle(exported), load_bundle(folder)
    assert after.modules["body_part"].abstention == before.modules["body_part"].abstention
    for plane in PLANES:
        for file in (f"body_part-{plane}.onnx", f"body_part-{plane}.npy"):
            assert (folder / file).read_bytes() == (exported / file).read_bytes()
    old, new = (json.loads((bundle / "metrics.json").read_text()) for bundle in (exported, folder))
    assert new["modules"]["body_part"] == old["modules"]["body_part"]
    assert new["onnx_against_torch"]["body_part"] == old["onnx_against_torch"]["body_part"]
    assert new["bundle"]["data"]["sources"] == old["bundle"]["data"]["sources"]
    assert new["bundle"]["both_right"] == {"held_out": None, "internal": None, "external": None}
    card = (folder / "CARD.md").read_text()
    assert f"Kept unchanged from {before.name} {before.version}, SHA-256 {before.sha256}." in card
    assert "Both labels right" not in card

    changed = shutil.copytree(exported, tmp_path / "changed")
    (changed / "body_part-axial.npy").write_bytes(b"other")
    asked = ["export", str(trained.folder), str(tmp_path / "third"), "--name", "ours", "--version", "3"]
    assert main([*asked, "--take", f"body_part={changed}"]) == 2
    assert "body_part-axial.npy is not the file" in capsys.readouterr().err
    assert main([*asked, "--take", f"body_part={exported}", "--take", f"contrast={exported}"]) == 2
    assert "keeps every module" in capsys.readouterr().err


def test_the_licences_need_their_columns(tmp_path, capsys):
    run = write_tiny_run(tmp_path / "run")
    choose(run, USUAL_SETTINGS, published=False).save(run.folder)
    table = tmp_path / "licences.csv"
    table.write_text("name,terms\nA,MIT\n")
    asked = ["export", str(run.folder), str(tmp_path / "bundle"), "--name", "u", "--version", "1"]
    assert main([*asked, "--licences", str(table)]) == 2
    assert "no table with the columns source and licence" in capsys.readouterr().err
