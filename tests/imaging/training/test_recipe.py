"""Recipes: complete or refused."""

import copy
import json

import pytest

from apps.imaging.errors import BadRecipe
from apps.imaging.training.recipe import RECIPES, load_recipe, parse_recipe
from apps.imaging.vocabulary import BODY_PARTS, PICTURES
from tests.imaging.training.tiny_run import tiny_recipe


def test_the_published_method_stands_in_its_recipe():
    recipe = load_recipe("imageqc-net")
    assert recipe.folds == 5 and recipe.backbone.name == "inception_resnet_v2" and not recipe.backbone.frozen_blocks
    augmentation = recipe.picture_augmentation
    assert (augmentation.rotation_degrees, augmentation.horizontal_flip, augmentation.vertical_flip) == (20, 0.5, 0.5)
    assert augmentation.copies == 8336 // 1042
    assert not any(vars(recipe.series_augmentation).values())
    for module in ("body_part", "contrast"):
        assert recipe.modules[module].pictures == PICTURES
        assert recipe.modules[module].input.size == 299
        assert recipe.modules[module].input.windows_hu == ((-450, 550),) * 3


def test_the_light_recipe_looks_at_what_the_published_ensemble_looks_at():
    recipe = load_recipe("imageqc-lite")
    assert recipe.modules["body_part"].classes[:5] == BODY_PARTS
    assert all(name.startswith("mip") for name in recipe.modules["body_part"].pictures)
    assert all(name.startswith("mid") for name in recipe.modules["contrast"].pictures)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_every_recipe_survives_its_run_folder(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert parse_recipe(json.loads(json.dumps(recipe.to_json())), "config.json") == recipe


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(BadRecipe, match=r"Known by name: .*imageqc-lite, .*imageqc-net"):
        load_recipe(str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text("name = ")
    with pytest.raises(BadRecipe, match="is not TOML"):
        load_recipe(str(tmp_path / "mine.toml"))


def changed(*path, value=None):
    table = copy.deepcopy(tiny_recipe())
    section = table
    for key in path[:-1]:
        section = section[key]
    if value is None:
        del section[path[-1]]
    else:
        section[path[-1]] = value
    return table


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (changed("folds"), "lacks folds"),
        (changed("folds", value=1), "folds has to be a whole number of at least 2, not 1"),
        (changed("training", "batch", value=True), r"\[training\] batch has to be a whole number"),
        (changed("training", "epochs", value=3), r"\[training\] needs either steps or epochs"),
        (changed("training", "learning_rate", value="fast"), "learning_rate has to be a number from 0 to 1"),
        (changed("training", "sampling", value="often"), "sampling has to be one of balanced, plain"),
        (changed("training", "stepz", value=3), r"\[training\] has stepz, which no recipe has"),
        (changed("modules", value={}), "names no module"),
        (changed("modules", value=3), "modules has to be a section"),
        (changed("modules", "body_part", "classes", value=["chest"]), "needs two classes or more"),
        (changed("modules", "body_part", "classes", value=["chest", "chest"]), "names a class twice"),
        (changed("modules", "body_part", "classes", value=["Chest", "neck"]), "list of names"),
        (changed("modules", "body_part", "silent", value=["limb"]), "has a silent class that is none of its classes"),
        (changed("modules", "body_part", "pictures", value=["mip_oblique"]), "looks at mip_oblique; known pictures"),
        (changed("modules", "body_part", "pictures", value=[]), "looks at no picture"),
        (changed("modules", "body_part", "not_of", value=["brain"]), "a body part is asked of every series"),
        (changed("modules", "contrast", "not_of", value="brain"), "not_of has to be a list of names"),
        (changed("modules", "contrast", "input", "windows_hu", value=[[0, 1]]), "windows_hu needs three pairs"),
        (changed("modules", "contrast", "input", "std", value=[0, 1, 1]), "std needs numbers above 0"),
        (changed("picture_augmentation", "rotation_degrees", value=20), "need picture_augmentation.copies"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(table, sentence):
    with pytest.raises(BadRecipe, match=sentence):
        parse_recipe(table, "mine.toml")
