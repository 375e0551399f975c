"""A network as data: a table of layers, from which it is built, summed up, and compared."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from alexnet.errors import GeometryError
from alexnet.geometry import ReceptiveField, output_size

__all__ = [
    "Activation",
    "AdaptivePool",
    "Conv",
    "Dropout",
    "LayerGeometry",
    "LayerSpec",
    "Linear",
    "NetworkSpec",
    "Norm",
    "Pool",
]


@dataclass(frozen=True)
class Conv:
    """A convolutional layer. groups: 2 for the two towers of 2012, each seeing half of the channels."""

    name: str
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True)
class Activation:
    """An elementwise function."""

    name: str
    function: Literal["relu", "tanh"] = "relu"


@dataclass(frozen=True)
class Norm:
    """Local response normalization: a / (k + alpha * sum of a² over `size` maps)^beta.

    alpha_divided: alpha is divided by `size` (2012 program, Caffe, PyTorch) or not (the paper's formula).
    """

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    alpha_divided: bool = True


@dataclass(frozen=True)
class Pool:
    """Max pooling; overlapping where kernel_size > stride. ceil: round the output's size up."""

    name: str
    kernel_size: int = 3
    stride: int = 2
    ceil: bool = False


@dataclass(frozen=True)
class AdaptivePool:
    """Average pooling to a fixed size in px, whatever comes in."""

    name: str
    size: int = 6


@dataclass(frozen=True)
class Dropout:
    """Leaves units out while training (inverted: the kept ones are scaled up then)."""

    name: str


@dataclass(frozen=True)
class Linear:
    """A fully connected layer. out_features None: one for each class."""

    name: str
    out_features: int | None


LayerSpec = Conv | Activation | Norm | Pool | AdaptivePool | Dropout | Linear


@dataclass(frozen=True)
class LayerGeometry:
    """One row of a network's summary.

    output: (channels, height, width) in px, or (features,). kernel: the shape of its weights, () if none.
    parameters: weights and biases. multiply_adds: for one picture. receptive_field: side in px of the square of
    the input that one output sees, None from the first fully connected layer on (it sees everything).
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

    features: the layers before, classifier: those after the maps are laid out as one vector.
    normalization: what its published weights were trained with. source: where the numbers come from.
    """

    name: str
    features: tuple[LayerSpec, ...]
    classifier: tuple[LayerSpec, ...]
    normalization: Literal["imagenet", "caffe"]
    source: str

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """All layers in order."""
        return self.features + self.classifier

    @property
    def num_classes(self) -> int | None:
        """Outputs of the last layer, None where the table leaves them open."""
        last = self.classifier[-1]
        return last.out_features if isinstance(last, Linear) else None

    def with_classes(self, num_classes: int) -> "NetworkSpec":
        """The table with its last layer's size filled in."""
        last = self.classifier[-1]
        if not isinstance(last, Linear) or num_classes < 1:
            raise GeometryError(f"{self.name}: {num_classes} classes cannot be told apart; give at least 1")
        return replace(self, classifier=(*self.classifier[:-1], replace(last, out_features=num_classes)))

    def geometry(self, size: int, num_classes: int) -> tuple[LayerGeometry, ...]:
        """Every layer's shapes and counts for square pictures of `size` px.

        Raises:
            GeometryError: the picture is too small for the network; the message names the layer and a size
                that fits.
        """
        return tuple(_walk(self.with_classes(num_classes), size))

    def flat_features(self, size: int) -> int:
        """Numbers that the first fully connected layer gets from a picture of `size` px."""
        shape = self.geometry(size, 1)[len(self.features) - 1].output
        return shape[0] * shape[1] * shape[2]

    def smallest_size(self) -> int:
        """Smallest side in px that every layer can work on."""
        for size in range(1, 1025):
            try:
                self.geometry(size, 1)
            except GeometryError:
                continue
            return size
        raise GeometryError(f"{self.name}: no picture up to 1024 px fits; correct the table")


def _walk(spec: NetworkSpec, size: int) -> Iterator[LayerGeometry]:
    channels, side, field = 3, size, ReceptiveField()
    flat: int | None = None
    for layer in spec.layers:
        parameters = multiply_adds = 0
        kernel: tuple[int, ...] = ()
        try:
            if isinstance(layer, Conv):
                side = output_size(side, layer.kernel_size, stride=layer.stride, padding=layer.padding)
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
                f"{spec.name}: pictures of {size} px are too small at {layer.name} ({error.args[0].split(':')[0]}); "
                f"use a larger --size"
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
