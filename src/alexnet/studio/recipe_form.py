"""The form of a recipe: every setting with its kind, bounds and meaning, from the recipe's own JSON schema."""

from collections.abc import Iterator
from typing import Any

from pydantic import WrapValidator

from alexnet.presets import PRESETS
from alexnet.recipe import Recipe

__all__ = ["GROUPS", "MAIN", "PRESET_WORDS", "changed_settings", "recipe_form"]

PRESET_WORDS = {
    "fast": "The best accuracy for the time on a small set: a few minutes for a few thousand images.",
    "seminar": "The numbers of the seminar's notebook: Adam, 20 epochs, mirrored images.",
    "finetune": "A few epochs from the kernels of another run or of ImageNet; choose their weights below.",
    "paper": "As printed in 2012: 224 px, two towers, 90 epochs. Made for a million images and a GPU.",
    "program": "The paper's training as its authors' own program did it. Made for a million images and a GPU.",
    "paper-small": "The paper's recipe at 96 px, with the two changes that let it learn from a few thousand images.",
}
"""What each preset is for, in a sentence."""

MAIN = ("epochs", "size", "seed", "weights", "keep_networks")
"""Settings that are shown before the others are unfolded."""

GROUPS = {
    "variant": "Network",
    "resize": "Images",
    "flip": "Augmentation",
    "epochs": "Learning",
    "test_views": "Run",
}
"""The first setting of each group, in the recipe's order."""


def recipe_form() -> dict[str, Any]:
    """Presets with their values, and the settings in groups."""
    return {
        "presets": [
            {"name": name, "words": PRESET_WORDS[name], "values": recipe.model_dump(mode="json")}
            for name, recipe in PRESETS.items()
        ],
        "main": list(MAIN),
        "groups": list(_groups()),
    }


def changed_settings(recipe: Recipe, preset: str) -> dict[str, Any]:
    """The settings by which a recipe differs from a preset, as JSON has them.

    >>> changed_settings(PRESETS["seminar"].replace(epochs=3), "seminar")
    {'epochs': 3}
    """
    values, chosen = recipe.model_dump(mode="json"), PRESETS[preset].model_dump(mode="json")
    return {field: value for field, value in values.items() if field != "name" and value != chosen[field]}


def _groups() -> Iterator[dict[str, Any]]:
    properties = Recipe.model_json_schema()["properties"]
    fields: list[dict[str, Any]] = []
    for name, info in Recipe.model_fields.items():
        if name in GROUPS:
            fields = []
            yield {"title": GROUPS[name], "fields": fields}
        if name == "name":
            continue
        may_be_auto = any(isinstance(part, WrapValidator) for part in info.metadata)
        fields.append(_field(name, properties[name], may_be_auto=may_be_auto))


def _field(name: str, schema: dict[str, Any], *, may_be_auto: bool) -> dict[str, Any]:
    parts = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    (part,) = parts
    if name == "weights":
        kind = "run"
    elif "enum" in part:
        kind = "choice"
    else:
        kind = {"integer": "integer", "number": "number", "boolean": "boolean", "array": "list"}.get(
            part.get("type", ""), "text"
        )
    return {
        "name": name,
        "kind": kind,
        "words": " ".join(schema.get("description", "").split()),
        "choices": part.get("enum"),
        "least": part.get("minimum", part.get("exclusiveMinimum")),
        "most": part.get("maximum", part.get("exclusiveMaximum")),
        "may_be_none": len(parts) < len(schema.get("anyOf", parts)),
        "may_be_auto": may_be_auto,
    }
