"""The tables: rates, confusion, single against ensemble, sources; and why a cell is empty."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.imaging.training.evaluate.measure import evaluate
from apps.imaging.training.evaluate.rows import NO_SERIES, NOT_PREDICTED, NOT_TRAINED, table_2, table_3, why_missing
from apps.imaging.training.evaluate.sources import source_alone, source_table
from apps.imaging.training.evaluate.tables import (
    abstention,
    confusion,
    cross_validation,
    rates,
    single_against_ensemble,
)
from apps.imaging.training.evaluate.votes import vote
from tests.imaging.training.judged import judged, saying


def one_plane(truth, said, **facts):
    found = vote(judged(truth, {"mip_axial": saying(said)}, **facts), ["mip_axial"])
    assert found is not None
    return found


def test_rates_count_series_in_scope_alone():
    found = rates(one_plane(["brain", "chest", "limb"], ["brain", "limb", "brain"]))
    assert found is not None
    assert (found["n"], found["right"], found["classes"]) == (2, 1, 2)
    assert found["recall"] == 0.5


def test_rates_of_nothing_are_none():
    assert rates(None) is None
    assert rates(one_plane(["limb"], ["limb"])) is None


def test_the_confusion_matrix_keeps_series_out_of_scope_in_rows_of_their_own():
    found = confusion(one_plane(["brain", "chest", "chest", "spine"], ["brain", "brain", "chest", "limb"]))
    assert found == {
        "truth": ["brain", "chest", "spine"],
        "said": ["brain", "chest", "limb"],
        "counts": [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
    }


def test_folds_have_a_mean_and_a_standard_deviation():
    found = cross_validation(one_plane(["brain"] * 4, ["brain", "brain", "brain", "chest"], folds=[0, 0, 1, 1]))
    assert found is not None and found["mean"] == 0.75
    assert found["sd"] == pytest.approx(np.std([1, 0.5], ddof=1), abs=1e-4)


def test_single_and_ensemble_are_compared_on_the_same_series():
    single = one_plane(["brain"] * 4, ["brain", "chest", "chest", "brain"])
    ensemble = one_plane(["brain"] * 4, ["brain", "brain", "chest", "chest"])
    found = single_against_ensemble(single, ensemble.of(np.array([True, True, True, False])))
    assert found is not None
    assert [found[key] for key in ("n", "both", "only_single", "only_ensemble", "neither")] == [3, 1, 0, 1, 1]
    assert found["difference"] == pytest.approx(1 / 3, abs=1e-4)


def test_silence_counts_as_right_out_of_scope_alone():
    found = abstention(
        one_plane(["brain", "chest", "limb", "limb"], ["brain", "brain", "brain", "limb"]),
        np.array([True, False, True, False]),
    )
    assert found is not None
    assert found["answered"]["right"] == 1 and found["answered"]["n"] == 2
    assert found["right_of_answered"]["right"] == 1 and found["right_of_answered"]["n"] == 1
    assert found["out_of_scope_silent"]["right"] == 1 and found["out_of_scope_silent"]["n"] == 2


def test_an_ensemble_that_knows_the_source_alone_is_found_out():
    # Hospital A has brains only, B chests only: all right. C has both, and everything is called a brain there.
    truth = ["brain"] * 4 + ["chest"] * 4 + ["brain", "chest"]
    said = ["brain"] * 4 + ["chest"] * 4 + ["brain", "brain"]
    sources = np.array(["A"] * 4 + ["B"] * 4 + ["C"] * 2)
    found = source_table(one_plane(truth, said), sources)
    assert [(part["source"], part["right"], part["n"]) for part in found["within"]] == [("C", 1, 2)]
    assert found["balanced_accuracy"] == 0.75
    assert found["source_alone"]["right"] == 9


def test_a_source_of_one_patient_tells_nothing_of_others():
    found = one_plane(["brain", "brain", "brain", "chest"], ["brain"] * 4)
    assert source_alone(found, np.array(["A", "A", "A", "lonely"])).right == 3


def test_a_picture_that_was_not_trained_is_said_to_be_not_trained(tiny_run):
    module = evaluate(tiny_run).metrics["modules"]["body_part"]
    rows = {(row.group, row.title): row for row in table_2(module)}
    assert set(rows["AIP", "Axial"].cells.values()) == {NOT_TRAINED}
    assert rows["MIP", "Axial"].cells["held_out"]["right"] == 23
    assert len([row for row in rows.values() if row.group in ("AIP", "MIP", "Mid-plane")]) == 9


def test_a_set_without_series_and_one_without_predictions_are_told_apart(tiny_run):
    module = dict(evaluate(tiny_run).metrics["modules"]["body_part"])
    assert why_missing(module, ["mip_axial"], "internal") == NOT_PREDICTED
    module["series"] = {**module["series"], "external": {"in_scope": 0, "out_of_scope": 0, "patients": 0}}
    assert why_missing(module, ["mip_axial"], "external") == NO_SERIES
    assert why_missing(module, ["mip_axial", "mip_sagittal"], "internal") == NOT_TRAINED


def test_contrast_is_given_by_body_part(tiny_run):
    module = evaluate(tiny_run).metrics["modules"]["contrast"]
    cells = {(row.title, row.group): row.cells["held_out"] for row in table_3(module)}
    titles = {(title, key): cell for (title, key), cell in cells.items()}
    assert titles["brain", "Ensemble"]["right"] == 7 and titles["chest", "Ensemble"]["right"] == 8
    assert titles["all body parts", "AIP axial"] == NOT_TRAINED


def one_module(run, module, rows=None):
    recipe = replace(run.recipe, modules={module: run.recipe.modules[module]})
    return replace(run, recipe=recipe, real=replace(run.real, rows=rows or run.real.rows))


def test_a_run_of_contrast_alone_is_given_by_the_body_parts_of_its_manifest(tiny_run):
    whole = evaluate(tiny_run).metrics["modules"]["contrast"]
    alone = evaluate(one_module(tiny_run, "contrast")).metrics["modules"]
    assert list(alone) == ["contrast"]
    assert alone["contrast"]["body_parts"] == whole["body_parts"] == ["brain", "chest", "abdomen"]
    assert alone["contrast"]["by_body_part"] == whole["by_body_part"]
    rows = {(row.group, row.title): row.cells["held_out"] for row in table_3(alone["contrast"])}
    assert rows["Ensemble", "brain"]["right"] == 7 and rows["Ensemble", "chest"]["right"] == 8


def test_body_parts_of_a_manifest_stand_from_head_to_pelvis_and_then_by_name(tiny_run):
    words = {"brain": "wrist", "chest": "brain", "abdomen": "ankle", "other": "other"}
    rows = [replace(row, body_part=words[row.body_part]) for row in tiny_run.real.rows]
    module = evaluate(one_module(tiny_run, "contrast", rows)).metrics["modules"]["contrast"]
    assert module["body_parts"] == ["brain", "ankle", "wrist"]


def test_without_body_parts_there_is_no_table_by_them(tiny_run):
    rows = [replace(row, body_part="") for row in tiny_run.real.rows]
    assert list(table_3(evaluate(one_module(tiny_run, "contrast", rows)).metrics["modules"]["contrast"])) == []
    assert list(table_3(evaluate(one_module(tiny_run, "body_part")).metrics["modules"]["body_part"])) == []


def test_both_labels_are_right_where_each_is(tiny_run):
    found = evaluate(tiny_run).metrics["both_right"]
    # One brain is called non-contrast by all planes; the chest that one plane gets wrong is saved by the vote.
    assert (found["held_out"]["ensemble"]["right"], found["held_out"]["n"]) == (23, 24)
    assert found["external"]["ensemble"]["right"] == 6


def test_every_key_of_the_metrics_is_explained(tiny_run):
    page = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    metrics = evaluate(tiny_run).metrics
    module = metrics["modules"]["contrast"]
    entry = module["ensemble"]["held_out"]
    keys = {*metrics, *module, *entry, *module["limits"], *module["pictures"]["mip_axial"], *metrics["settings"]}
    keys |= {*module["calibration"]["held_out"], *module["abstention"]["held_out"], *module["sources"]["held_out"]}
    keys |= {*module["single_against_ensemble"]["held_out"], *metrics["run"], *metrics["both_right"]["held_out"]}
    missing = sorted(key for key in keys if not re.search(rf"\b{key}\b", page))
    assert not missing and len(keys) > 60
