"""A recipe from a TOML file: a whole one, a few settings that change another, or that of a run."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

from alexnet.errors import RecipeError
from alexnet.files import escape_name, shown_name, unescape_name
from alexnet.recipe import AUTO, Recipe, build_recipe
from alexnet.toml_files import read_toml

__all__ = ["load_recipe", "read_recorded_recipe", "recorded_toml"]

NULLABLE = frozenset(name for name, info in Recipe.model_fields.items() if type(None) in get_args(info.annotation))
"""The settings that may be none, for which TOML has no value."""

CHOSEN_AT_START = {"device", "precision", "convolution"}
"""Settings that a run's recipe may leave to the machine."""


def load_recipe(path: Path, *, base: Recipe | None = None) -> Recipe:
    """A recipe from a TOML file, in UTF-8 or in the UTF-16 that Windows PowerShell writes.

    A file that names most settings is a whole recipe, as `alexnet recipe` prints it and as a run keeps it: what it
    leaves out is not set, whatever `base` has. The text "none" stands for none.

    Args:
        base: has the settings that a file of a few settings does not name; the defaults if None.

    Raises:
        RecipeError: the file is missing, is no TOML, or has a wrong setting; one line that names the place.
    """
    try:
        values = read_toml(path)
        below = base.model_dump() if base and not _is_whole(values) else {}
        return build_recipe(below | {field: _without_none(field, value) for field, value in values.items()})
    except RecipeError as error:
        raise RecipeError(f"{shown_name(path)}: {error}") from error


def recorded_toml(recipe: Recipe) -> str:
    """A recipe as a run keeps it; bytes of the weights' path that are not UTF-8 are escaped."""
    return (recipe if recipe.weights is None else recipe.replace(weights=escape_name(recipe.weights))).to_toml()


def read_recorded_recipe(path: Path) -> Recipe:
    """The recipe that a run keeps, also one that an earlier version allowed to set what has no effect.

    Raises:
        RecipeError: the file is missing or damaged; the message does not name it.
    """
    values = {field: _without_none(field, value) for field, value in read_toml(path).items()}
    if values.get("initialization") == "patches":
        values.pop("conv1_std", None)  # allowed beside patches once, and without effect
    recipe = build_recipe(values)
    unsettled = [name for name, value in recipe if value == AUTO and name not in CHOSEN_AT_START]
    if unsettled:
        raise RecipeError(f"{unsettled[0]} = auto, which a training replaces")
    return recipe if recipe.weights is None else recipe.replace(weights=unescape_name(recipe.weights))


def _is_whole(fields: Collection[str]) -> bool:
    """Whether these are the settings of a whole recipe; one of an earlier version lacks a few of today's."""
    known = Recipe.model_fields.keys() - NULLABLE
    return "name" in fields and 2 * len(known.intersection(fields)) > len(known)


def _without_none(field: str, value: Any) -> Any:
    return None if field in NULLABLE and isinstance(value, str) and value.lower() == "none" else value
