"""A recipe: how the classifiers of a run are trained. TOML, complete or refused; nothing of it stands in code.

`recipes/imageqc-net.toml` is the published method, `recipes/imageqc-lite.toml` the one of the bundle that ships.
`docs/training.md` explains each key.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from apps.imaging.ensemble import InputRecipe
from apps.imaging.errors import BadRecipe
from apps.imaging.vocabulary import PICTURES

RECIPES = Path(__file__).resolve().parent / "recipes"
"""Where the recipes lie that are called by name."""

PRECISIONS = ("auto", "float32", "bfloat16")
SAMPLINGS = ("balanced", "plain")

WORD = re.compile(r"[a-z][a-z0-9_]*")
"""Names of modules and classes."""


@dataclass(frozen=True)
class Backbone:
    """Name of a network (`apps.imaging.networks`), and how many of its first blocks keep their weights."""

    name: str
    frozen_blocks: int


@dataclass(frozen=True)
class Training:
    """How long and how fast a classifier learns; either `steps` or `epochs` is 0.

    `head_factor` is the learning rate of the last layer, which starts from nothing, over that of the others.
    `sampling` is "plain" (each series once an epoch) or "balanced" (classes alike, within a class sources alike).
    """

    steps: int
    epochs: int
    batch: int
    learning_rate: float
    head_factor: float
    weight_decay: float
    label_smoothing: float
    sampling: str
    seed: int
    precision: str


@dataclass(frozen=True)
class PictureAugmentation:
    """Turned and mirrored pictures: `copies` of each drawn beforehand, the picture itself the first; 0 = on the fly."""

    rotation_degrees: float
    horizontal_flip: float
    vertical_flip: float
    copies: int


@dataclass(frozen=True)
class SeriesAugmentation:
    """Series drawn from volumes before they are projected; all 0 = none, as published.

    Per seed: `per_class` series of each combination of labels, `phantoms` imaginary people, `spines` cut out of each
    good trunk, `test_objects` of quality assurance.
    """

    per_class: int
    phantoms: int
    spines: int
    test_objects: int
    seeds: int


@dataclass(frozen=True)
class ModuleRecipe:
    """One question: its classes (empty: those of the manifest), which of them are never an answer, what it looks at.

    `not_of` are body parts of which the question is not asked: their series are for the other modules alone.
    """

    classes: tuple[str, ...]
    silent: tuple[str, ...]
    pictures: tuple[str, ...]
    input: InputRecipe
    not_of: tuple[str, ...] = ()

    def asks(self, body_part: str) -> bool:
        """Return whether the question is asked of series of this body part."""
        return body_part not in self.not_of


@dataclass(frozen=True)
class Recipe:
    """All of it."""

    name: str
    folds: int
    backbone: Backbone
    training: Training
    picture_augmentation: PictureAugmentation
    series_augmentation: SeriesAugmentation
    modules: Mapping[str, ModuleRecipe]

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures that any module looks at, in the order of the nine."""
        wanted = {picture for module in self.modules.values() for picture in module.pictures}
        return tuple(picture for picture in PICTURES if picture in wanted)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain values, in the form that `parse_recipe` reads."""
        plain = asdict(self)
        for length in ("steps", "epochs"):
            if not plain["training"][length]:
                del plain["training"][length]
        for module in plain["modules"].values():
            if not module["not_of"]:
                del module["not_of"]
        return plain


def known_recipes() -> list[str]:
    """Return the names of the recipes that come with CoreQC."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name_or_file: str) -> Recipe:
    """Return the recipe of a name ("imageqc-net") or of a TOML file.

    Raises
    ------
    BadRecipe
        When it is not there or not understood.
    """
    file = RECIPES / f"{name_or_file}.toml"
    if not file.is_file():
        file = Path(name_or_file)
    if not file.is_file():
        known = ", ".join(known_recipes())
        raise BadRecipe(f"There is no recipe {name_or_file}. Known by name: {known}; or give a TOML file.")
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{file} is not TOML: {error}.") from error
    return parse_recipe(table, str(file))


def parse_recipe(table: Mapping[str, Any], origin: str) -> Recipe:
    """Return the recipe of a table of plain values; `origin` is named in refusals.

    Raises
    ------
    BadRecipe
        When a key is missing, unknown or has a value that cannot be used.
    """
    top = _Section(table, origin, "")
    training = top.section("training")
    training.require(("steps" in training.values) != ("epochs" in training.values), "needs either steps or epochs")
    recipe = Recipe(
        name=top.text("name"),
        folds=top.whole("folds", 2),
        backbone=_backbone(top.section("backbone")),
        training=training.done(_training(training)),
        picture_augmentation=_picture_augmentation(top.section("picture_augmentation")),
        series_augmentation=_series_augmentation(top.section("series_augmentation")),
        modules={name: _module(section, name) for name, section in top.section("modules").sections().items()},
    )
    top.finish()
    top.require(bool(recipe.modules), "names no module: a section [modules.body_part], for example")
    offline = recipe.backbone.frozen_blocks and not recipe.picture_augmentation.copies
    top.require(
        not (offline and (recipe.picture_augmentation.rotation_degrees or recipe.picture_augmentation.vertical_flip)),
        "freezes blocks, so that each picture passes them once: turned and upside-down pictures need "
        "picture_augmentation.copies (or rotation_degrees = 0 and vertical_flip = 0)",
    )
    return recipe


def _training(section: "_Section") -> Training:
    return Training(
        steps=section.whole("steps", 1) if "steps" in section.values else 0,
        epochs=section.whole("epochs", 1) if "epochs" in section.values else 0,
        batch=section.whole("batch", 2),
        learning_rate=section.number("learning_rate", 0, 1),
        head_factor=section.number("head_factor", 0, 1000),
        weight_decay=section.number("weight_decay", 0, 1),
        label_smoothing=section.number("label_smoothing", 0, 0.5),
        sampling=section.one_of("sampling", SAMPLINGS),
        seed=section.whole("seed", 0),
        precision=section.one_of("precision", PRECISIONS),
    )


def _backbone(section: "_Section") -> Backbone:
    return section.done(Backbone(section.text("name"), section.whole("frozen_blocks", 0)))


def _picture_augmentation(section: "_Section") -> PictureAugmentation:
    return section.done(
        PictureAugmentation(
            rotation_degrees=section.number("rotation_degrees", 0, 180),
            horizontal_flip=section.number("horizontal_flip", 0, 1),
            vertical_flip=section.number("vertical_flip", 0, 1),
            copies=section.whole("copies", 0),
        )
    )


def _series_augmentation(section: "_Section") -> SeriesAugmentation:
    names = [field.name for field in fields(SeriesAugmentation)]
    return section.done(SeriesAugmentation(**{name: section.whole(name, 0) for name in names}))


def _module(section: "_Section", name: str) -> ModuleRecipe:
    section.require(bool(WORD.fullmatch(name)), "is no module name: small letters, digits and _ only")
    classes = section.words("classes") if "classes" in section.values else ()
    silent, pictures = section.words("silent"), section.words("pictures")
    section.require(len(set(classes)) == len(classes), "names a class twice")
    section.require(len(classes) != 1, "needs two classes or more; leave classes out to take those of the manifest")
    section.require(not classes or set(silent) <= set(classes), "has a silent class that is none of its classes")
    unknown = ", ".join(sorted(set(pictures) - set(PICTURES)))
    section.require(not unknown, f"looks at {unknown}; known pictures are {', '.join(PICTURES)}")
    section.require(bool(pictures), "looks at no picture")
    ordered = tuple(picture for picture in PICTURES if picture in pictures)
    not_of = section.words("not_of") if "not_of" in section.values else ()
    section.require(not not_of or name != "body_part", "has not_of: a body part is asked of every series")
    return section.done(ModuleRecipe(classes, silent, ordered, _input(section.section("input")), not_of))


def _input(section: "_Section") -> InputRecipe:
    windows = section.take("windows_hu")
    good = isinstance(windows, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and all(map(_is_number, pair)) and pair[0] < pair[1]
        for pair in windows
    )
    section.require(good and len(windows) == 3, "windows_hu needs three pairs [low, high], one per channel")
    mean, std = section.numbers("mean", 3), section.numbers("std", 3)
    section.require(min(std) > 0, "std needs numbers above 0")
    pairs = tuple((float(low), float(high)) for low, high in windows)
    return section.done(InputRecipe(section.whole("size", 8), pairs, mean, std))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Part = TypeVar("Part")


class _Section:
    """A table of the recipe: hands out its values once each, and refuses what is missing, wrong or left over."""

    def __init__(self, values: Mapping[str, Any], origin: str, name: str) -> None:
        self.values, self.origin, self.name = values, origin, name
        self._taken: set[str] = set()

    def require(self, good: bool, complaint: str) -> None:
        """Refuse the recipe unless `good`."""
        if not good:
            where = f"[{self.name}] " if self.name else "The recipe "
            raise BadRecipe(f"{self.origin}: {where}{complaint}.")

    def take(self, key: str) -> Any:
        """Return a value that has to be there."""
        self._taken.add(key)
        self.require(key in self.values, f"lacks {key}")
        return self.values[key]

    def section(self, key: str) -> "_Section":
        """Return a table inside this one."""
        table = self.take(key)
        self.require(isinstance(table, Mapping), f"{key} has to be a section")
        return _Section(table, self.origin, f"{self.name}.{key}" if self.name else key)

    def sections(self) -> dict[str, "_Section"]:
        """Return all tables inside this one, by name."""
        return {key: self.section(key) for key in self.values}

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        return str(self._checked(key, lambda value: isinstance(value, str) and bool(value), "a text"))

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        """Return one of the known words."""
        return str(self._checked(key, lambda value: value in known, "one of " + ", ".join(known)))

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of names."""
        good = self._checked(
            key,
            lambda value: (
                isinstance(value, list | tuple)
                and all(isinstance(word, str) and WORD.fullmatch(word) is not None for word in value)
            ),
            "a list of names of small letters, digits and _",
        )
        return tuple(good)

    def whole(self, key: str, least: int) -> int:
        """Return a whole number of at least `least`."""
        good = self._checked(
            key,
            lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least,
            f"a whole number of at least {least}",
        )
        return int(good)

    def number(self, key: str, low: float, high: float) -> float:
        """Return a number between two others, both included."""
        good = self._checked(
            key, lambda value: _is_number(value) and low <= value <= high, f"a number from {low:g} to {high:g}"
        )
        return float(good)

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """Return a list of `count` numbers."""
        good = self._checked(
            key,
            lambda value: isinstance(value, list | tuple) and len(value) == count and all(map(_is_number, value)),
            f"a list of {count} numbers",
        )
        return tuple(float(value) for value in good)

    def done(self, part: Part) -> Part:
        """Return `part` when nothing of the section is left over."""
        self.finish()
        return part

    def finish(self) -> None:
        """Refuse keys that nobody asked for: most are typing errors."""
        left = ", ".join(sorted(set(self.values) - self._taken))
        self.require(not left, f"has {left}, which no recipe has")

    def _checked(self, key: str, good: Callable[[Any], bool], wanted: str) -> Any:
        value = self.take(key)
        self.require(good(value), f"{key} has to be {wanted}, not {value!r}")
        return value
