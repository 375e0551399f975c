"""Every number of a run, in one frozen value: the recipe, its presets, and its way to TOML and back."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alexnet.errors import RecipeError

__all__ = ["PRESETS", "Recipe", "load_recipe", "parse_settings", "recipe_differences"]

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]


class Recipe(BaseModel):
    """All settings of a run. Frozen; an unknown field or a value out of range is an error.

    >>> Recipe(epochs=3).epochs
    3
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )

    name: str = "custom"
    """What the recipe is called: the preset that it came from."""

    # --- the network
    variant: str = "seminar"
    """The network's table: `seminar`, `torchvision` or `caffe`; `auto` takes the one that the weights fit."""
    size: Annotated[int, Field(ge=63, le=1024)] = 96
    """Side of the square picture that the network gets, px."""
    initialization: Literal["fan_in", "gaussian", "pytorch", "seminar"] = "fan_in"
    """Start values: `fan_in` N(0, 2/fan_in), `gaussian` N(0, 0.01), PyTorch's own, or the seminar's mix."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Share of the units of fc6 and fc7 (or their inputs) that a training step leaves out."""
    weights: str | None = None
    """Weights to start from: `imagenet`, a weight file, or a run folder; none starts from scratch."""

    # --- the pictures
    resize: Literal["squash", "crop"] = "squash"
    """How a picture becomes square: the whole of it squashed, or its centre cut out."""
    apply_exif: bool = True
    """Turn pictures as their EXIF orientation says. Viewers do; some sets carry wrong orientations."""
    normalization: Literal["dataset", "imagenet", "caffe", "auto"] = "dataset"
    """Mean and deviation by channel: the training set's, ImageNet's, Caffe's (BGR, raw); `auto`: the variant's."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of the pictures held out as test set where the folder has no split of its own."""
    validation_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the training pictures set apart to choose the checkpoint; 0 keeps the last epoch's."""

    # --- augmentation: what a training picture may suffer
    flip: bool = True
    """Mirror left and right, half of the time."""
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Smallest share of the picture's area that a random crop keeps; 1 crops nothing."""
    crop_ratio: Annotated[float, Field(ge=1.0, le=4.0)] = 1.0
    """Largest change of a crop's width to height; 1 keeps the proportions."""
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    """Largest rotation, degrees."""
    color: Fraction = 0.0
    """Largest relative change of brightness, contrast and saturation."""

    # --- learning
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Passes over the training pictures."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Pictures in one step."""
    optimizer: Literal["adam", "adamw", "sgd", "muon"] = "adamw"
    """The update rule; `muon` orthogonalizes the updates of the kernels and gives the rest to AdamW."""
    learning_rate: Positive = 5e-4
    """Peak step size of the optimizer (with `muon`: of the AdamW part)."""
    muon_learning_rate: Positive = 0.02
    """Peak step size of the orthogonalized updates."""
    kernel_learning_rate_factor: NotNegative = 1.0
    """Factor on the step size of the convolutional layers; small for fine-tuning, 0 freezes them."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum of `sgd`."""
    weight_decay: NotNegative = 0.0
    """Decay of weights (not of biases); decoupled in `adamw` and `muon`, added to the gradient in others."""
    schedule: Literal["step", "one_cycle"] = "one_cycle"
    """`one_cycle` rises over the warm-up and falls to 0; `step` drops by `step_factor` every `step_epochs`."""
    warmup: Fraction = 0.15
    """Share of all steps over which the rate rises from 0 to its peak."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """Epochs between two drops of schedule `step`."""
    step_factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """What a drop multiplies the rate by."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread over all classes."""
    start_size: Annotated[int, Field(ge=63, le=1024)] | None = None
    """Side in px at which training starts, growing to `size` if that is larger; none starts with `size`."""
    growth: Fraction = 0.7
    """Share of the steps after which the full `size` is reached."""

    # --- the run
    mirror_test: bool = False
    """Average the probabilities of a picture and its mirror image in the final test and in prediction."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Start of everything random: same seed, same machine, same weights."""
    device: str = "auto"
    """`auto` (CUDA where there is one), `cpu`, `cuda`, `cuda:1` ..."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers in convolutions and matrix products; `auto` asks the processor."""

    def replace(self, **changes: Any) -> "Recipe":
        """This recipe with other values, checked again."""
        return build_recipe(self.model_dump() | changes)

    def to_toml(self) -> str:
        """The recipe as TOML; what is None is left out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def _say(fault: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, Recipe.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else "`alexnet recipe` lists all fields"
        return f"{field}: no such setting, {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{field} = {fault['input']!r}: {message}" if field else message


def build_recipe(values: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values; every fault is reported at once.

    Raises:
        RecipeError: one line that names each bad field, its value and its range.
    """
    try:
        return Recipe.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(_say(fault) for fault in error.errors(include_url=False))
        raise RecipeError(f"recipe: {faults}") from error


def load_recipe(path: Path, *, base: Recipe | None = None) -> Recipe:
    """A recipe from a TOML file; fields it does not name are taken from `base`.

    Raises:
        RecipeError: the file is missing, is no TOML, or names a bad field.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not valid TOML ({error}); correct that place") from error
    return build_recipe((base.model_dump() if base else {}) | values)


def parse_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with `field=value` texts applied; the values are read as TOML, else as plain text.

    Raises:
        RecipeError: a text without `=`, an unknown field, or a bad value.

    >>> parse_settings(PRESETS["fast"], ["epochs=2", "optimizer=sgd"]).optimizer
    'sgd'
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise RecipeError(f"--set {setting}: write it as field=value, for instance epochs=3")
        changes[field.strip()] = _read_value(text.strip())
    return build_recipe(recipe.model_dump() | changes)


def _read_value(text: str) -> Any:
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def recipe_differences(recipes: Iterable[Recipe]) -> dict[str, tuple[Any, ...]]:
    """The fields in which recipes differ, each with its value in every one of them.

    >>> recipe_differences([Recipe(epochs=1), Recipe(epochs=2)])
    {'epochs': (1, 2)}
    """
    dumps = [recipe.model_dump() for recipe in recipes]
    rows = {field: tuple(dump[field] for dump in dumps) for field in Recipe.model_fields}
    return {field: values for field, values in rows.items() if any(value != values[0] for value in values)}


PRESETS: dict[str, Recipe] = {
    "fast": Recipe(
        # chosen by trial: EXPERIMENTS.md, "Orthogonalized updates" and "Which augmentation"
        name="fast",
        epochs=8,
        batch_size=128,
        optimizer="muon",
        learning_rate=5e-4,
        muon_learning_rate=0.02,
        weight_decay=0.1,
        label_smoothing=0.05,
        crop_scale=0.6,
        crop_ratio=1.25,
        color=0.3,
        start_size=68,
        growth=0.8,
        validation_fraction=0.05,
        mirror_test=True,
    ),
    "seminar": Recipe(
        # the notebook's numbers (commit aa7d1e9); the validation split is ours: it had none
        name="seminar",
        initialization="seminar",
        normalization="imagenet",
        epochs=20,
        batch_size=128,
        optimizer="adam",
        learning_rate=1e-4,
        schedule="step",
        warmup=0.0,
        step_epochs=30,
        step_factor=0.1,
    ),
    "finetune": Recipe(
        # chosen by trial: EXPERIMENTS.md, "Fine-tuning from real kernels"
        name="finetune",
        variant="auto",
        initialization="gaussian",
        normalization="auto",
        epochs=3,
        batch_size=64,
        optimizer="adamw",
        learning_rate=1e-4,
        kernel_learning_rate_factor=0.2,
        weight_decay=0.01,
        crop_scale=0.6,
        crop_ratio=1.1,
        validation_fraction=0.05,
        mirror_test=True,
    ),
}
"""The named recipes."""
