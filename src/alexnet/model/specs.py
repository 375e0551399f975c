"""A network as data: a table of layers, from which it is built, summarized and compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alexnet.errors import GeometryError
from alexnet.geometry import ReceptiveField, output_size
from alexnet.recipe import SWITCHES

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "AdaptivePool",
    "Conv",
    "Dropout",
    "Inputs",
    "LayerGeometry",
    "LayerSpec",
    "Linear",
    "MapNorm",
    "NetworkSpec",
    "Norm",
    "Pool",
    "Sourced",
]

ACTIVATIONS: tuple[str, ...] = SWITCHES["activation"]
"""Elementwise functions that a network may use."""


@dataclass(frozen=True)
class Sourced:
    """Part of a table. sources: field → where its value comes from; `""` is for all fields not named."""

    sources: Mapping[str, str] = field(default_factory=dict, kw_only=True, compare=False, repr=False)

    def source_of(self, name: str) -> str:
        """Where the value of a field comes from."""
        return self.sources.get(name) or self.sources.get("", "")

    def values(self) -> dict[str, Any]:
        """The fields and their values, in order, without the sources."""
        return {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "sources"}


@dataclass(frozen=True)
class Conv(Sourced):
    """A convolutional layer. groups: 2 for the two towers of 2012, each seeing half of the channels.

    ceil: round the output size up; the last kernels reach over the right and bottom edge, where the input is zero.
    weight_std: initial weights are drawn from N(0, weight_std²); None for PyTorch's default. bias: initial biases;
    None for PyTorch's default.
    """

    name: str
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    ceil: bool = False
    weight_std: float | None = None
    bias: float | None = None


@dataclass(frozen=True)
class Activation(Sourced):
    """An elementwise function, one of `ACTIVATIONS`."""

    name: str
    function: str = "relu"


@dataclass(frozen=True)
class Norm(Sourced):
    """Local response normalization: a / (k + alpha * sum of a² over `size` channels)^beta.

    alpha_divided: alpha is divided by `size` (2012 program, Caffe, PyTorch) or not (the paper's formula).
    groups: 2 if windows end at the edge of their tower.
    """

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    alpha_divided: bool = True
    groups: int = 1


@dataclass(frozen=True)
class MapNorm(Sourced):
    """Normalization within each map: a / (k + alpha * mean of a² over `size` x `size` positions)^beta."""

    name: str
    size: int = 5
    alpha: float = 1e-3
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True)
class Pool(Sourced):
    """Max pooling; overlapping if kernel_size > stride. ceil: round the output size up."""

    name: str
    kernel_size: int = 3
    stride: int = 2
    ceil: bool = False


@dataclass(frozen=True)
class AdaptivePool(Sourced):
    """Average pooling to a fixed output size in px."""

    name: str
    size: int = 6


@dataclass(frozen=True)
class Dropout(Sourced):
    """Sets random units to zero in training.

    form: `inverted` scales the kept units up in training; `2012` scales all units down in testing. In training the
    next layer's input is 1 / (1 - rate) times as large with `inverted`.
    """

    name: str
    form: Literal["inverted", "2012"] = "inverted"
    rate: float = 0.5


@dataclass(frozen=True)
class Linear(Sourced):
    """A fully connected layer. out_features: None for one per class. weight_std, bias: as in `Conv`."""

    name: str
    out_features: int | None
    weight_std: float | None = None
    bias: float | None = None


LayerSpec = Conv | Activation | Norm | MapNorm | Pool | AdaptivePool | Dropout | Linear


@dataclass(frozen=True)
class Inputs(Sourced):
    """The preprocessing that a network was made for.

    size: side of the input, px. cut_from: side of the square that crops of `size` are cut from, px. square: how an
    image becomes that square. channels: their order. scale: the range of the numbers. subtracted: the mean.
    """

    size: int
    cut_from: int
    square: str
    channels: str
    scale: str
    subtracted: str


@dataclass(frozen=True)
class LayerGeometry:
    """One row of a network's summary.

    output: (channels, height, width), or (features,). kernel: the shape of the weights, () if there are none.
    parameters: number of weights and biases. multiply_adds: for one image. receptive_field: side in px of the square
    of the image that one output depends on; None from the first fully connected layer on (all of the image).
    """

    name: str
    kind: str
    output: tuple[int, ...]
    kernel: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: int | None


@dataclass(frozen=True)
class NetworkSpec:
    """A network's table.

    features: the layers before, classifier: those after the maps are flattened into one vector.
    normalization: that of its training, as a recipe names it. source: where the numbers come from. has_weights:
    whether trained weights were published; of several variants that a weight file fits, such a one is chosen.
    switches: what was changed in the table, see `switch`.
    """

    name: str
    features: tuple[LayerSpec, ...]
    classifier: tuple[LayerSpec, ...]
    normalization: Literal["imagenet", "caffe", "mean", "mean_image"]
    source: str
    inputs: Inputs
    has_weights: bool = False
    switches: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """All layers in order."""
        return self.features + self.classifier

    @property
    def num_classes(self) -> int | None:
        """Outputs of the last layer; None until the number of classes is known."""
        last = self.classifier[-1]
        return last.out_features if isinstance(last, Linear) else None

    def with_classes(self, num_classes: int) -> "NetworkSpec":
        """The table for a number of classes.

        Raises:
            GeometryError: the number is below 1.
        """
        last = self.classifier[-1]
        if not isinstance(last, Linear) or num_classes < 1:
            raise GeometryError(f"{self.name}: {num_classes} classes are too few; give at least 1")
        return replace(self, classifier=(*self.classifier[:-1], replace(last, out_features=num_classes)))

    def geometry(self, size: int, num_classes: int) -> tuple[LayerGeometry, ...]:
        """Every layer's shapes and counts for square images of `size` px.

        Raises:
            GeometryError: the image is too small for a layer, or the groups of one do not divide its channels.
        """
        return tuple(_walk(self.with_classes(num_classes), size))

    def flat_features(self, size: int) -> int:
        """Inputs of the first fully connected layer for an image of `size` px."""
        shape = self.geometry(size, 1)[len(self.features) - 1].output
        return shape[0] * shape[1] * shape[2]

    def smallest_size(self) -> int:
        """Smallest image side in px that every layer can process."""
        for size in range(1, 1025):
            try:
                self.geometry(size, 1)
            except GeometryError:
                continue
            return size
        raise GeometryError(f"{self.name}: no image up to 1024 px fits; correct the table")


def _walk(spec: NetworkSpec, size: int) -> Iterator[LayerGeometry]:
    channels, side, field = 3, size, ReceptiveField()
    flat: int | None = None
    for layer in spec.layers:
        _require_whole_groups(spec, layer, channels)
        parameters = multiply_adds = 0
        kernel: tuple[int, ...] = ()
        try:
            if isinstance(layer, Conv):
                side = output_size(
                    side, layer.kernel_size, stride=layer.stride, padding=layer.padding, ceil=layer.ceil
                )
                kernel = (layer.out_channels, channels // layer.groups, layer.kernel_size, layer.kernel_size)
                channels, field = layer.out_channels, field.through(layer.kernel_size, layer.stride)
                weights = kernel[0] * kernel[1] * kernel[2] * kernel[3]
                parameters, multiply_adds = weights + channels, weights * side * side
            elif isinstance(layer, Pool):
                side = output_size(side, layer.kernel_size, stride=layer.stride, ceil=layer.ceil)
                field = field.through(layer.kernel_size, layer.stride)
            elif isinstance(layer, AdaptivePool):
                side = layer.size
            elif isinstance(layer, Linear):
                inputs = channels * side * side if flat is None else flat
                flat = layer.out_features or 1
                kernel = (flat, inputs)
                parameters, multiply_adds = flat * inputs + flat, flat * inputs
        except GeometryError as error:
            raise GeometryError(
                f"{spec.name}: images of {size} px are too small at {layer.name} ({error.args[0].split(':')[0]}); "
                f"use a larger size"
            ) from error
        yield LayerGeometry(
            layer.name,
            type(layer).__name__,
            (channels, side, side) if flat is None else (flat,),
            kernel,
            parameters,
            multiply_adds,
            field.size if flat is None else None,
        )


def _require_whole_groups(spec: NetworkSpec, layer: LayerSpec, channels: int) -> None:
    """Refuse groups that do not divide a layer's channels."""
    counts = (channels, layer.out_channels) if isinstance(layer, Conv) else (channels,)
    groups = layer.groups if isinstance(layer, Conv | Norm) else 1
    if any(count % groups for count in counts):
        numbers = " and ".join(map(str, dict.fromkeys(counts)))
        raise GeometryError(
            f"{spec.name}: {groups} groups do not divide the {numbers} channels of {layer.name}; correct the table"
        )
