"""Every number of a run, in one frozen value: the recipe, and its way to TOML and back."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from alexnet.errors import RecipeError

__all__ = ["AUTO", "Recipe", "build_recipe", "load_recipe", "parse_settings", "recipe_differences"]

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]

AUTO: Any = "auto"
"""Value of a setting that follows from the number of training images; see `alexnet.training.sizing`."""


def _number_or_auto(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    return AUTO if value == AUTO else check(value)


OrAuto = (WrapValidator(_number_or_auto), PlainSerializer(lambda value: value, return_type=Any))
"""Annotations of a number that may be `AUTO` until training settles it; training computes with numbers only."""


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
    """The network's table: `seminar`, `torchvision`, `paper`, `program`, `one-gpu`, `caffe` or `caffenet`; `auto`
    takes the one that the weights fit."""
    size: Annotated[int, Field(ge=63, le=1024)] = 96
    """Side of the square image that the network gets, px."""
    activation: Literal["relu", "tanh", "leaky_relu", "elu", "gelu", "silu", "sigmoid"] | None = None
    """Every activation of the network; none leaves the table's."""
    lrn: Literal["off", "divided", "undivided"] | None = None
    """Local response normalization: `off`, alpha `divided` by the maps of a window, or not; none: the table's."""
    pooling: Literal["3/2", "2/2"] | None = None
    """Size and stride of max pooling: overlapping or not; none leaves the table's."""
    towers: bool | None = None
    """conv2, conv4 and conv5 in the two towers of 2012, or in one; none leaves the table's."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Share of the units of fc6 and fc7 (or their inputs) that a training step leaves out."""
    dropout_form: Literal["inverted", "2012"] | None = None
    """`inverted` scales the kept units up while training, `2012` all units down in testing; none: the table's."""
    dropout_place: Literal["before", "after"] | None = None
    """Dropout `before` fc6 and fc7 or `after` their activations; none leaves the table's."""
    initialization: Literal["fan_in", "gaussian", "patches", "pytorch", "seminar", "table"] = "fan_in"
    """Start values: `fan_in` N(0, 2/fan_in), `gaussian` N(0, 0.01²), PyTorch's own, the seminar's mix, or those
    of the variant's `table`. `patches`: as `fan_in`, but conv1 from patches of the training images."""
    hidden_bias: float | None = None
    """Start value of the biases of conv2, conv4, conv5, fc6 and fc7; none leaves the initialization's."""
    conv1_std: Positive | None = None
    """Standard deviation of the initial weights of conv1; none leaves the initialization's. A tenth of He's (0.0074)
    leaves less of the random start in the learned kernels."""
    kernel_std: Positive | None = None
    """Deviation of the start weights of conv3, conv4 and conv5; none leaves the initialization's."""
    head_std: Positive | None = None
    """Deviation of the start weights of the last layer; none leaves the initialization's."""
    weights: str | None = None
    """Weights to start from: `imagenet`, a weight file, or a run folder; none starts from scratch."""

    # --- the images
    resize: Literal["squash", "crop"] = "squash"
    """How an image becomes square: the whole of it squashed, or its centre cut out."""
    crop_from: Annotated[float, Field(ge=1.0, le=2.0)] = 1.0
    """Side of the square that crops of `size` are cut from, in sizes (the paper's is 256/224); 1 cuts nothing."""
    apply_exif: bool = True
    """Turn images as their EXIF orientation says. Viewers do; some sets carry wrong orientations."""
    normalization: Literal["dataset", "mean", "mean_image", "imagenet", "caffe", "auto", "weights"] = "dataset"
    """`dataset`: the training set's mean and deviation by channel. `mean`: its mean alone, on the raw scale of 0 to
    255; `mean_image`: likewise, the mean of each pixel. `imagenet`: ImageNet's mean and deviation; `caffe`: Caffe's
    mean (BGR, raw); `auto`: the variant's; `weights`: as the run that the weights come from was trained."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of the images held out as test set where the folder has no split of its own."""
    validation_fraction: Annotated[float, Field(ge=0.0, lt=1.0), *OrAuto] = 0.1
    """Share of the training images set apart to choose the checkpoint; 0 keeps the last epoch's. `auto`: 0.05 where
    that makes 100 images, else 0."""

    # --- augmentation: what a training image may suffer
    flip: bool = True
    """Mirror left and right, half of the time."""
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Smallest share of the image's area that a random crop keeps; 1 crops nothing."""
    crop_ratio: Annotated[float, Field(ge=1.0, le=4.0)] = 1.0
    """Largest change of a crop's width to height; 1 keeps the proportions."""
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    """Largest rotation, degrees."""
    color: Fraction = 0.0
    """Largest relative change of brightness, contrast and saturation."""
    crop_last_offset: bool = True
    """Whether a crop may lie at the far edge of its square: 33 places an axis for 224 of 256 px; the paper has 32."""
    crop_group: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Images of a batch that share one crop and one flip (the 2012 program: 32)."""
    pca_color: NotNegative = 0.0
    """Deviation of the random factors on the training set's principal colours (paper: 0.1); 0 changes nothing."""
    pca_form: Literal["eigenvalue", "std"] = "eigenvalue"
    """What the factors multiply: eigenvalues on the scale 0 to 1 (paper), or deviations (2012 program)."""
    pca_rescale: bool = False
    """Divide an image whose principal colours were changed by 1 + `pca_color`, as the 2012 program does."""
    pca_until: Fraction = 1.0
    """Share of the training after which the principal colours are left alone."""

    # --- learning
    epochs: Annotated[int, Field(ge=1, le=10_000), *OrAuto] = 10
    """Passes over the training images. `auto`: 8 for 6,400 images and more, up to 100 for fewer (from trained weights
    3 instead of 8)."""
    batch_size: Annotated[int, Field(ge=1, le=65_536), *OrAuto] = 128
    """Images in one step. `auto`: 16 to 128 (from trained weights 64), so that an epoch has about 40 steps."""
    optimizer: Literal["adam", "adamw", "sgd", "sgd_2012", "muon"] = "adamw"
    """The update rule; `sgd_2012` is the paper's, whose rate is part of the momentum; `muon` orthogonalizes the
    updates of the kernels and gives the rest to AdamW."""
    learning_rate: Positive = 5e-4
    """Peak step size of the optimizer (with `muon`: of the AdamW part)."""
    muon_learning_rate: Positive = 0.02
    """Peak step size of the orthogonalized updates."""
    smooth_conv1: bool = False
    """With `muon`, smooth the updates of conv1 in space: its kernels keep shapes instead of noise."""
    kernel_learning_rate_factor: NotNegative = 1.0
    """Factor on the step size of the convolutional layers; small for fine-tuning, 0 freezes them."""
    bias_learning_rate_factor: NotNegative = 1.0
    """Factor on the step size of the biases (2012 program and Caffe: 2)."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum of `sgd` and `sgd_2012`."""
    weight_decay: NotNegative = 0.0
    """Decay of weights; decoupled in `adamw` and `muon`, added to the gradient in others."""
    decay_biases: bool = False
    """Whether biases decay too (the paper's rule makes no difference)."""
    schedule: Literal["step", "one_cycle", "plateau", "drops"] = "one_cycle"
    """`one_cycle` rises over the warm-up and falls to 0. The others multiply by `step_factor`: `step` every
    `step_epochs`, `drops` at the shares of the training in `drops`, `plateau` when the validation error has not
    improved for `plateau_epochs`, at most `plateau_drops` times."""
    warmup: Fraction = 0.15
    """Share of all steps over which the rate rises from 0 to its peak."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """Epochs between two drops of schedule `step`."""
    step_factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """What a drop multiplies the rate by."""
    drops: tuple[Fraction, ...] = ()
    """Shares of the training at which schedule `drops` drops."""
    plateau_epochs: Annotated[int, Field(ge=1)] = 5
    """Epochs without a better validation error after which schedule `plateau` drops."""
    plateau_drops: Annotated[int, Field(ge=0)] = 3
    """Drops of schedule `plateau` in all."""
    bias_drops: bool = True
    """Whether drops hold for the biases too (in the 2012 program they kept their rate)."""
    conv1_slow: Fraction = 1.0
    """Share of the training after which conv1's rate is a tenth of the others'."""
    conv1_stop: Fraction = 1.0
    """Share of the training after which conv1 stands still."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread over all classes."""
    start_size: Annotated[int, Field(ge=63, le=1024)] | None = None
    """Side in px at which training starts, growing to `size` if that is larger; none starts with `size`."""
    growth: Fraction = 0.7
    """Share of the steps after which the full `size` is reached."""

    # --- the run
    test_views: Literal["centre", "mirror", "ten_crop"] = "centre"
    """Views of an image whose probabilities are averaged in the final test and in prediction: its centre, that and
    its mirror image, or the centre, the four corners, and their mirror images."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Start of everything random: same seed, same machine, same weights."""
    save_minutes: Positive = 2.0
    """Minutes after which the state of the training is saved again, also within an epoch; `alexnet resume` continues
    from there. A slow disk is written to less often."""
    device: str = "auto"
    """`auto` (CUDA where there is one), `cpu`, `cuda`, `cuda:1` ..."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Numbers in convolutions and matrix products; `auto` asks the CPU."""
    convolution: Literal["auto", "direct"] = "auto"
    """How training computes on a CPU: `auto` takes, where they are faster, tiles with fewer products (Winograd)
    or another library for fully connected layers in float32, and products of matrices on small maps in bfloat16;
    `direct` none of these. Results differ by some millionths and by roundings. Tests always compute directly."""

    def rate_factor(self, *, is_kernel: bool, is_bias: bool) -> float:
        """What multiplies the rates for the weights or biases of a convolutional layer or another."""
        factor = self.kernel_learning_rate_factor if is_kernel else 1.0
        return factor * (self.bias_learning_rate_factor if is_bias else 1.0)

    @property
    def cut_from(self) -> int:
        """Side in px of the square that crops of `size` are cut from."""
        return round(self.size * self.crop_from)

    @property
    def switches(self) -> dict[str, Any]:
        """What is changed in the variant's table, without the parts that are left as they are."""
        names = ("activation", "lrn", "pooling", "dropout_form", "dropout_place", "towers")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Recipe":
        faults = []
        if self.test_views == "ten_crop" and self.cut_from == self.size:
            faults.append(
                "test_views = ten_crop needs a square larger than the network's input: set crop_from=1.143, or test "
                "the finished run so with `alexnet evaluate RUN --views ten_crop`"
            )
        if self.crop_from > 1.0 and (self.crop_scale < 1.0 or self.crop_ratio > 1.0 or self.rotation > 0.0):
            faults.append("crop_from cuts crops of one size, crop_scale, crop_ratio and rotation resample: use one")
        if self.crop_from > 1.0 and self.start_size is not None:
            faults.append("crop_from and start_size (growing images) do not go together: set start_size=none")
        if self.normalization == "mean_image" and self.start_size is not None:
            faults.append("mean_image holds for one size and start_size grows images: set start_size=none")
        if self.schedule == "drops" and not self.drops:
            faults.append("schedule = drops needs the shares of the training in drops, for instance [0.5, 0.75]")
        if self.schedule == "plateau" and self.plateau_drops == 0:
            faults.append("schedule = plateau needs at least one drop: set plateau_drops=3")
        if faults:
            raise ValueError("; ".join(faults))
        return self

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
    if fault["type"] == "value_error":
        return str(message)
    message = message[0].lower() + message[1:]
    if fault["type"] == "tuple_type":
        message = "give a list, for instance [0.5, 0.75]"
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
    try:
        return build_recipe((base.model_dump() if base else {}) | values)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def parse_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with `field=value` texts applied; the values are read as TOML, else as plain text.

    Raises:
        RecipeError: a text without `=`, an unknown field, or a bad value.

    >>> parse_settings(Recipe(), ["epochs=2", "optimizer=sgd"]).optimizer
    'sgd'
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise RecipeError(f"--set {setting}: write it as field=value, for instance epochs=3")
        changes[field.strip()] = _read_value(text.strip(), field.strip())
    return build_recipe(recipe.model_dump() | changes)


def _read_value(text: str, field: str) -> Any:
    if text.lower() == "none":
        return None
    if field in Recipe.model_fields and text in _words(Recipe.model_fields[field].annotation):
        return text  # `dropout_form=2012` is a word
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _words(annotation: Any) -> set[str]:
    """The texts that a field of a few words takes."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return {word for part in get_args(annotation) for word in _words(part)}


def recipe_differences(recipes: Iterable[Recipe]) -> dict[str, tuple[Any, ...]]:
    """The fields in which recipes differ, each with its value in every one of them.

    >>> recipe_differences([Recipe(epochs=1), Recipe(epochs=2)])
    {'epochs': (1, 2)}
    """
    dumps = [recipe.model_dump() for recipe in recipes]
    rows = {field: tuple(dump[field] for dump in dumps) for field in Recipe.model_fields}
    return {field: values for field, values in rows.items() if any(value != values[0] for value in values)}
