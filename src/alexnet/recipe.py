"""The recipe: every setting of a run in one frozen value, read from TOML and written to it."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from alexnet.errors import RecipeError
from alexnet.files import shown_name
from alexnet.setting_faults import explain_faults
from alexnet.toml_files import parse_toml

__all__ = ["AUTO", "SWITCHES", "Recipe", "build_recipe", "parse_settings", "recipe_differences"]

ActivationName = Literal["relu", "tanh", "leaky_relu", "elu", "gelu", "silu", "sigmoid"]
LrnForm = Literal["off", "divided", "undivided"]
PoolingForm = Literal["3/2", "2/2"]
DropoutForm = Literal["inverted", "2012"]
DropoutPlace = Literal["before", "after"]

SWITCHES: dict[str, tuple[Any, ...]] = {
    "activation": get_args(ActivationName),
    "lrn": get_args(LrnForm),
    "pooling": get_args(PoolingForm),
    "dropout_form": get_args(DropoutForm),
    "dropout_place": get_args(DropoutPlace),
    "towers": (True, False),
}
"""Settings that change parts of a variant's table, with their values."""

DEVICE = re.compile(r"auto|cpu|(cuda|mps|xpu)(:\d{1,3})?")

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
    """All settings of a run, frozen. Each is described in settings.md and by `alexnet recipe`.

    Raises:
        RecipeError: an unknown setting, a value out of range, or settings in conflict.

    >>> Recipe(epochs=3).epochs
    3
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )

    name: str = "custom"
    """Name of the recipe: that of the preset it is based on."""

    # --- the network
    variant: str = "seminar"
    """Name of the network's table (`alexnet model --help` lists them), or `auto` for the one that the weights fit."""
    size: Annotated[int, Field(ge=63, le=1024)] = 96
    """Side of the square image that the network gets, px."""
    activation: ActivationName | None = None
    """Activation function everywhere in the network; none keeps the table's."""
    lrn: LrnForm | None = None
    """Local response normalization: `off`, or with alpha `divided` by the size of its window (PyTorch, Caffe) or
    `undivided` (the paper's formula); none keeps the table's."""
    pooling: PoolingForm | None = None
    """Kernel size and stride of max pooling: `3/2` overlaps, `2/2` does not; none keeps the table's."""
    towers: bool | None = None
    """Split conv2, conv4 and conv5 into the two towers of 2012, or not; none keeps the table's."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Dropout rate: fraction of the units of fc6 and fc7 (or of their inputs) that a training step sets to zero."""
    dropout_form: DropoutForm | None = None
    """`inverted` scales the kept units up in training, `2012` scales all down in testing; none keeps the table's."""
    dropout_place: DropoutPlace | None = None
    """Dropout `before` fc6 and fc7 or `after` their activations; none keeps the table's."""
    initialization: Literal["fan_in", "gaussian", "patches", "pytorch", "seminar", "table"] = "fan_in"
    """Initialization of the weights: `fan_in` (He's, N(0, 2/fan_in)), `gaussian` (N(0, 0.01²)), `pytorch` (PyTorch's
    default), `seminar` (the notebook's mix), or `table` (that of the variant). `patches`: as `fan_in`, but conv1 from
    patches of the training images."""
    hidden_bias: float | None = None
    """Initial biases of conv2, conv4, conv5, fc6 and fc7; none keeps the initialization's."""
    conv1_std: Positive | None = None
    """Standard deviation of the initial weights of conv1; none keeps the initialization's. A tenth of He's (0.0074)
    leaves less of the random start in the learned kernels."""
    kernel_std: Positive | None = None
    """Standard deviation of the initial weights of conv3, conv4 and conv5; none keeps the initialization's."""
    head_std: Positive | None = None
    """Standard deviation of the initial weights of the last layer; none keeps the initialization's."""
    weights: str | None = None
    """Pretrained weights: `imagenet`, a weight file, a run folder, or RUN@EPOCH; none trains from scratch."""

    # --- the images
    resize: Literal["squash", "crop"] = "squash"
    """How an image becomes square: `squash` distorts all of it, `crop` cuts out its center."""
    crop_from: Annotated[float, Field(ge=1.0, le=2.0)] = 1.0
    """Side of the square that crops of `size` are cut from, as a multiple of `size` (paper: 256/224); 1: no crops."""
    apply_exif: bool = True
    """Turn images upright by their EXIF orientation, as image viewers do. Some data sets carry wrong orientations."""
    normalization: Literal["dataset", "mean", "mean_image", "imagenet", "caffe", "auto", "weights"] = "dataset"
    """How pixel values are normalized. `dataset`: by the training set's mean and standard deviation of each channel.
    `mean`: minus its mean of each channel, on the scale 0 to 255. `mean_image`: minus its mean of each pixel, on the
    scale 0 to 255. `imagenet`: by ImageNet's mean and standard deviation. `caffe`: minus Caffe's mean, BGR, 0 to 255.
    `auto`: as the variant does. `weights`: as in the run that the weights come from."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Fraction of the images held out as the test set if the folder has no split of its own."""
    group_near_duplicates: bool = False
    """Keep nearly identical images (`alexnet data check` lists them) on one side of a split that is made here. They
    are looked for once, before the first training."""
    validation_fraction: Annotated[float, Field(ge=0.0, lt=1.0), *OrAuto] = 0.1
    """Fraction of the training images held out to measure on. Schedules other than `one_cycle` use them to choose the
    epoch whose network is kept: the latest with an error at most one standard error above the lowest. `auto`: 0.05 if
    that is at least 100 images, else 0."""

    # --- augmentation
    flip: bool = True
    """Mirror images left to right with probability 1/2."""
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0), *OrAuto] = 1.0
    """Smallest fraction of the image's area that a random crop keeps; 1 does not crop. `auto`: 0.85 below 1,000
    training images, else 0.6."""
    crop_ratio: Annotated[float, Field(ge=1.0, le=4.0)] = 1.0
    """Largest change of a crop's aspect ratio; 1 keeps it."""
    crop_until: Fraction = 1.0
    """Fraction of the steps during which images are cropped at random; after it they are whole, as in the test."""
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    """Largest rotation in either direction, degrees."""
    color: Fraction = 0.0
    """Largest relative change of brightness, contrast and saturation."""
    crop_last_offset: bool = True
    """Allow crops at the right and bottom edge of the square: 33 positions per axis for 224 of 256 px (paper: 32)."""
    crop_group: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Images of a batch that share one crop and one flip (2012 program: 32)."""
    pca_color: NotNegative = 0.0
    """Standard deviation of random shifts along the training set's principal colors (paper: 0.1); 0: no shifts."""
    pca_form: Literal["eigenvalue", "std"] = "eigenvalue"
    """Unit of the shifts: eigenvalues on the scale 0 to 1 (paper), or standard deviations (2012 program)."""
    pca_rescale: bool = False
    """Divide an image by 1 + `pca_color` after its color shift, as the 2012 program does."""
    pca_until: Fraction = 1.0
    """Fraction of the training after which color shifts stop."""

    # --- learning
    epochs: Annotated[int, Field(ge=1, le=10_000), *OrAuto] = 10
    """Passes over the training images. `auto`: 8 for 6,400 images or more, up to 100 for fewer (pretrained weights: 3
    instead of 8)."""
    batch_size: Annotated[int, Field(ge=1, le=65_536), *OrAuto] = 128
    """Images in one step. `auto`: 16 to 128 (pretrained weights: 64), so that an epoch has about 40 steps."""
    optimizer: Literal["adam", "adamw", "sgd", "sgd_2012", "muon"] = "adamw"
    """Update rule. `sgd_2012` is the paper's, in which the momentum includes the learning rate. `muon` orthogonalizes
    the updates of the kernels and updates everything else by AdamW."""
    learning_rate: Positive = 5e-4
    """Peak learning rate (with `muon`: of the AdamW part)."""
    muon_learning_rate: Positive = 0.02
    """Peak learning rate of the orthogonalized updates."""
    smooth_conv1: bool = False
    """With `muon`, smooth the updates of conv1 in space: its kernels keep shapes instead of noise."""
    kernel_learning_rate_factor: NotNegative = 1.0
    """Factor on the learning rate of the convolutional layers; small for fine-tuning, 0 freezes them."""
    bias_learning_rate_factor: NotNegative = 1.0
    """Factor on the learning rate of the biases (2012 program and Caffe: 2)."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum of `sgd` and `sgd_2012`."""
    weight_decay: NotNegative = 0.0
    """Weight decay; decoupled with `adamw` and `muon`, added to the gradient with the others."""
    decay_biases: bool = False
    """Apply weight decay to biases too, as the paper's rule does."""
    schedule: Literal["step", "one_cycle", "plateau", "drops"] = "one_cycle"
    """Learning rate schedule. `one_cycle` rises during the warm-up and falls to 0. The others multiply the rate by
    `step_factor`: `step` every `step_epochs`, `drops` at the fractions of the training listed in `drops`, `plateau`
    when the validation error has not improved for `plateau_epochs`, at most `plateau_drops` times."""
    warmup: Fraction = 0.15
    """Fraction of all steps during which the learning rate rises from 0 to its peak."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """Epochs between drops of the learning rate with schedule `step`."""
    step_factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """Factor on the learning rate at each drop."""
    drops: tuple[Fraction, ...] = ()
    """Fractions of the training at which schedule `drops` lowers the learning rate."""
    plateau_epochs: Annotated[int, Field(ge=1)] = 5
    """Epochs without a better validation error after which schedule `plateau` lowers the learning rate."""
    plateau_drops: Annotated[int, Field(ge=0)] = 3
    """Largest number of drops with schedule `plateau`."""
    bias_drops: bool = True
    """Lower the learning rate of the biases too (the 2012 program did not)."""
    conv1_slow: Fraction = 1.0
    """Fraction of the training after which conv1 learns at a tenth of the learning rate."""
    conv1_stop: Fraction = 1.0
    """Fraction of the training after which conv1 is frozen."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Fraction of the target probability that is spread evenly over all classes."""
    start_size: Annotated[int, Field(ge=63, le=1024)] | None = None
    """Image side at the start of training, px; it grows to `size` if that is larger. Sizes at which fc6 would have
    fewer inputs are left out: for `size` 128, images start at 100. None starts with `size`."""
    growth: Fraction = 0.7
    """Fraction of the steps after which images have their full `size`."""

    # --- the run
    test_views: Literal["centre", "mirror", "ten_crop"] = "centre"
    """Views of an image whose probabilities are averaged in the final test and in predictions: the `centre`; the
    center and its `mirror` image; or the center, the four corners and their mirror images (`ten_crop`)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Random seed. The same seed on the same machine gives the same weights."""
    save_minutes: Positive = 2.0
    """Minutes between saves of the training's state, also within an epoch; `alexnet resume` continues from the last
    one. On a slow disk saves are less frequent."""
    keep_networks: bool = False
    """Keep the network after every epoch (90 MB each at 96 px); RUN@3 as `weights` trains on from the third."""
    device: str = "auto"
    """`auto` (the first GPU, or else the CPU), `cpu`, `cuda`, `cuda:1` ..."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of convolutions and matmuls; `auto` chooses `bfloat16` where that is faster."""
    convolution: Literal["auto", "direct"] = "auto"
    """How training on a CPU computes its layers. `auto` uses faster algorithms where they pay (Winograd convolution
    among them), whose results differ by rounding; `direct` uses PyTorch's own. Tests always use PyTorch's own."""

    def rate_factor(self, *, is_kernel: bool, is_bias: bool) -> float:
        """Factor on the learning rate of a layer's weights or biases."""
        factor = self.kernel_learning_rate_factor if is_kernel else 1.0
        return factor * (self.bias_learning_rate_factor if is_bias else 1.0)

    @property
    def cut_from(self) -> int:
        """Side in px of the square that crops of `size` are cut from."""
        return round(self.size * self.crop_from)

    @property
    def switches(self) -> dict[str, Any]:
        """The settings that change the variant's table, without those that are None."""
        return {name: getattr(self, name) for name in SWITCHES if getattr(self, name) is not None}

    @field_validator("device")
    @classmethod
    def _is_device(cls, device: str) -> str:
        if not DEVICE.fullmatch(device):
            raise ValueError("choose auto, cpu, cuda or, for the second GPU, cuda:1")
        return device

    @model_validator(mode="after")
    def _settings_go_together(self) -> "Recipe":
        faults = []
        if self.test_views == "ten_crop" and self.cut_from == self.size:
            faults.append(
                "test_views = ten_crop needs images larger than the network's input: set crop_from=1.143, or "
                "evaluate the finished run with `alexnet evaluate RUN --views ten_crop`"
            )
        crops = self.crop_scale == AUTO or self.crop_scale < 1.0
        if self.crop_from > 1.0 and (crops or self.crop_ratio > 1.0 or self.rotation > 0.0):
            faults.append(
                "crop_from does not go together with crop_scale, crop_ratio and rotation: set crop_from=1, or leave "
                "the others out"
            )
        if self.crop_from > 1.0 and self.start_size is not None:
            faults.append("crop_from does not go together with start_size: set start_size=none")
        if self.normalization == "mean_image" and self.start_size is not None:
            faults.append("normalization = mean_image needs images of one size: set start_size=none")
        if self.initialization == "patches" and self.conv1_std is not None:
            faults.append("conv1_std has no effect with initialization = patches: set initialization=fan_in")
        if self.schedule == "drops" and not self.drops:
            faults.append("schedule = drops needs fractions of the training in drops, for instance drops=[0.5, 0.75]")
        if self.schedule == "plateau" and self.plateau_drops == 0:
            faults.append("schedule = plateau needs at least one drop: set plateau_drops=3")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def keeps_last(self) -> bool:
        """Whether the network of the last epoch is kept, whatever the validation images say.

        With `one_cycle` it is: the learning rate has fallen to 0 by then, and networks before have not settled.
        """
        return self.schedule == "one_cycle"

    if not TYPE_CHECKING:  # type checkers know the settings by the fields above

        def __init__(self, /, **settings: Any) -> None:
            try:
                super().__init__(**settings)
            except ValidationError as error:
                raise RecipeError(f"recipe: {explain_faults(error, known=type(self).model_fields)}") from error

    def replace(self, **changes: Any) -> "Recipe":
        """This recipe with other values, checked like a new one.

        Raises:
            RecipeError: a value is out of range or in conflict with another.
        """
        return build_recipe(self.model_dump() | changes)

    def to_toml(self, *, explained: bool = False) -> str:
        """The recipe as TOML. Settings that are None are left out, or, with explanations, commented out.

        Args:
            explained: put the meaning of each setting above it.
        """
        if not explained:
            return tomli_w.dumps(self.model_dump(exclude_none=True))
        return "".join(f"{self._explain(field)}\n" for field in type(self).model_fields)

    def _explain(self, field: str) -> str:
        meaning = type(self).model_fields[field].description or ""
        set_value = self.model_dump(include={field}, exclude_none=True)
        value = tomli_w.dumps(set_value).strip() if set_value else f"# {field} is not set"
        return "\n".join([*(f"# {line}" for line in meaning.splitlines()), value])


def build_recipe(values: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values.

    Raises:
        RecipeError: one line that names every wrong setting with its value and its range.
    """
    return Recipe(**values)


def parse_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with settings changed.

    Args:
        settings: texts of the form `field=value`; a value is read as TOML, or as plain text if it is no TOML.

    Raises:
        RecipeError: a text without `=`, an unknown setting, or a wrong value.

    >>> parse_settings(Recipe(), ["epochs=2", "optimizer=sgd"]).optimizer
    'sgd'
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise RecipeError(f"--set {shown_name(setting)[:80]}: write it as field=value, for instance epochs=3")
        changes[field.strip()] = _read_value(text.strip(), field.strip())
    return build_recipe(recipe.model_dump() | changes)


def _read_value(text: str, field: str) -> Any:
    if text.lower() == "none":
        return None
    if field in Recipe.model_fields and text in _words(Recipe.model_fields[field].annotation):
        return text  # `dropout_form=2012` is a word
    try:
        return parse_toml(f"value = {text}")["value"]
    except RecipeError:
        return text


def _words(annotation: Any) -> set[str]:
    """The words that a setting accepts; none if it takes any text or number."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return {word for part in get_args(annotation) for word in _words(part)}


def recipe_differences(recipes: Iterable[Recipe]) -> dict[str, tuple[Any, ...]]:
    """The settings in which recipes differ, each with its value in every recipe.

    >>> recipe_differences([Recipe(epochs=1), Recipe(epochs=2)])
    {'epochs': (1, 2)}
    """
    dumps = [recipe.model_dump() for recipe in recipes]
    rows = {field: tuple(dump[field] for dump in dumps) for field in Recipe.model_fields}
    return {field: values for field, values in rows.items() if any(value != values[0] for value in values)}
