"""A finished training run without any training: stored pictures, folds and predictions whose answers are known.

Every classifier says the right class with a score near 0.98, but for the series of WRONG: there the pictures of one
plane, or of all three, say something else. All evidence lies in the upper left corner of a picture.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from apps.imaging.training.folds import assign_folds, write_folds
from apps.imaging.training.recipe import parse_recipe
from apps.imaging.training.run import DONE, Predictions, Run, classifier_folder, label_indices, open_run, start_run
from apps.imaging.training.store import StoredSeries, write_store
from apps.imaging.vocabulary import PICTURE_SIZE, PICTURES

BODY_PARTS = ("brain", "chest", "abdomen", "other")
CONTRASTS = ("enhanced", "non_contrast")
CLASSES = {"body_part": BODY_PARTS, "contrast": CONTRASTS}

FEATURES = 8
"""Length of an embedding."""

WRONG = {
    ("body_part", "chest-enhanced-0"): ("mip_axial",),
    ("contrast", "brain-enhanced-1"): ("mid_axial", "mid_sagittal", "mid_coronal"),
}
"""Per module and series the pictures whose classifiers say the next class instead of the true one."""


def tiny_recipe(**changes: object) -> dict[str, object]:
    """A recipe as plain values, for pictures of 32 x 32; `changes` replace whole sections."""
    inputs = {"size": 32, "windows_hu": [[-450, 550]] * 3, "mean": [0.5] * 3, "std": [0.5] * 3}
    recipe: dict[str, object] = {
        "name": "tiny",
        "folds": 2,
        "backbone": {"name": "efficientnet_lite0", "frozen_blocks": 9},
        "training": {
            "steps": 4,
            "batch": 4,
            "learning_rate": 1e-3,
            "head_factor": 3,
            "weight_decay": 0.02,
            "label_smoothing": 0.05,
            "sampling": "balanced",
            "seed": 1,
            "precision": "auto",
        },
        "picture_augmentation": {"rotation_degrees": 0, "horizontal_flip": 0.3, "vertical_flip": 0, "copies": 0},
        "series_augmentation": {"per_class": 0, "phantoms": 0, "spines": 0, "test_objects": 0, "seeds": 0},
        "modules": {
            "body_part": {
                "classes": list(BODY_PARTS),
                "silent": ["other"],
                "pictures": ["mip_axial", "mip_sagittal", "mip_coronal"],
                "input": inputs,
            },
            "contrast": {
                "classes": list(CONTRASTS),
                "silent": [],
                "pictures": ["mid_axial", "mid_sagittal", "mid_coronal"],
                "input": inputs,
            },
        },
    }
    return {**recipe, **changes}


def tiny_rows() -> list[StoredSeries]:
    """Four patients of each body part and contrast, two limbs out of scope, one of each class per validation set."""
    rows = []
    for of_set, patients in (("development", 4), ("internal", 1), ("external", 1)):
        for body_part in BODY_PARTS[:-1]:
            for contrast in CONTRASTS:
                for index in range(patients):
                    stem = f"{body_part}-{contrast}-{index}"
                    name = stem if of_set == "development" else f"{of_set}-{stem}"
                    labels = {"body_part": body_part, "contrast": contrast}
                    source, scanner = ("hospital A", "maker X") if index % 2 else ("hospital B", "maker Y")
                    rows.append(
                        StoredSeries(name, f"p-{name}", labels, of_set, source, scanner, "A", "real", body_part)
                    )
    for index in range(2):
        labels = {"body_part": "other"}
        rows.append(
            StoredSeries(
                f"limb-{index}", f"p-limb-{index}", labels, "development", "hospital C", "", "B", "real", "other"
            )
        )
    return rows


def write_tiny_run(
    folder: Path,
    *,
    wrong: Mapping[tuple[str, str], tuple[str, ...]] = WRONG,
    with_all: bool = True,
) -> Run:
    """Write the run into `folder` and open it; without `with_all` the validation sets are predicted by fold-0."""
    recipe = parse_recipe(tiny_recipe(), "tiny")
    config = {
        "recipe": recipe.to_json(),
        "classes": CLASSES,
        "manifest": {"file": "manifest.csv", "sha256": "0" * 64},
        "weights": {"origin": "none", "sha256": ""},
        "seed": 1,
        "command": "python -m apps.imaging train manifest.csv run --recipe tiny",
    }
    start_run(folder, config)
    (folder / "environment.json").write_text(json.dumps({"python": "3", "device": "cpu"}), encoding="utf-8")
    rows = tiny_rows()
    write_store(folder / "pictures" / "real", PICTURES, rows, (tiny_pictures(row) for row in rows))
    folds = assign_folds(rows, recipe.folds)
    write_folds(folder / "folds.csv", folds)
    fold_of = np.array([folds.get(row.patient, -1) for row in rows])
    sets = np.array([row.set for row in rows])
    parts = [*(f"fold-{fold}" for fold in range(recipe.folds)), *(["all"] if with_all else [])]
    for module, of_module in recipe.modules.items():
        labels = label_indices(rows, module, CLASSES[module])
        for picture in of_module.pictures:
            for part in parts:
                series = {}
                if part != "all":
                    series["held-out"] = np.flatnonzero((fold_of == int(part[-1])) & (labels >= 0))
                if part == ("all" if with_all else "fold-0"):
                    series |= {
                        name: np.flatnonzero((sets == name) & (labels >= 0)) for name in ("internal", "external")
                    }
                where = classifier_folder(folder, module, picture, part)
                where.mkdir(parents=True)
                np.save(where / "references.npy", np.eye(FEATURES, dtype=np.float32)[:4])
                (where / "curve.csv").write_text("step,loss\n1,1.2\n4,0.3\n", encoding="utf-8")
                for name, chosen in series.items():
                    said = [
                        (labels[index] + (picture in wrong.get((module, rows[index].name), ()))) % len(CLASSES[module])
                        for index in chosen
                    ]
                    logits = 4.5 * np.eye(len(CLASSES[module]), dtype=np.float32)[said]
                    limbs = np.array([rows[index].labels.get("body_part") == "other" for index in chosen])
                    distance = np.where(limbs, 0.6, 0.1).astype(np.float32)
                    activation = np.zeros((*logits.shape, 4, 4), dtype=np.float16)
                    activation[:, :, 0, 0] = logits
                    Predictions(chosen.astype(np.int64), logits, distance, activation).save(where / f"{name}.npz")
                done = {"seconds": 1.5, "steps": 4, "loss": 0.3, "accuracy": 1.0}
                (where / DONE).write_text(json.dumps(done), encoding="utf-8")
    return open_run(folder)


def tiny_pictures(row: StoredSeries) -> np.ndarray:
    """Nine pictures, uint8 (9, 512, 512): a bar whose height tells the body part, whose gray tells the contrast."""
    pictures = np.zeros((len(PICTURES), PICTURE_SIZE, PICTURE_SIZE), dtype=np.uint8)
    height = 64 * (1 + BODY_PARTS.index(row.labels.get("body_part", "other")))
    pictures[:, 100 : 100 + height, 100:300] = 220 if row.labels.get("contrast") == "enhanced" else 120
    return pictures
