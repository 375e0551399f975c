"""Look inside a network, a run, or the run in a folder: kernels, feature maps, single outputs of layers."""

from dataclasses import replace
from pathlib import Path

from alexnet.convolution.gallery import Kernel
from alexnet.data.decode import Pixels
from alexnet.errors import GeometryError
from alexnet.evaluation.predict import read_image
from alexnet.files import shown_name
from alexnet.inspection import applied_kernel, kernel_matching, layer_trace
from alexnet.inspection import feature_maps as maps
from alexnet.inspection import kernels as layer_kernels
from alexnet.inspection.applied_kernel import LearnedResult
from alexnet.inspection.feature_maps import FeatureMaps
from alexnet.inspection.fine_maps import enlarged_maps, strided_maps
from alexnet.inspection.first_convolution import file_kernels
from alexnet.inspection.kernel_matching import KernelMatches
from alexnet.inspection.kernels import KernelSet
from alexnet.inspection.layer_step import LayerStep
from alexnet.model.checkpoint import Classifier
from alexnet.runs.run import Model, Run, as_classifier, as_run

__all__ = ["apply_learned_kernel", "feature_maps", "kernels", "match_kernels", "trace_layer", "weight_file"]

ImageLike = Path | str | Pixels
"""An image file, or a decoded image as the network gets it: uint8 [size, size, 3]."""


def kernels(model: Model, layer: str | None = None) -> KernelSet:
    """Read the learned kernels of a convolutional layer, [out, in, k, k].

    Args:
        model: a network, a run, the path of a run folder, or that of a weight file; of a file, color channels are in
            the order that the file has.
        layer: conv1 to conv5, or as `named_modules` of another network calls it; by default the first convolution.

    Raises:
        GeometryError: there is no such layer, or it has no kernels.
        RunError: there is no run at the path, or it is damaged.
        WeightsError: the weight file cannot be read, or has no convolution.

    >>> alexnet.kernels("runs/first", "conv1").weights.shape
    (96, 3, 11, 11)
    """
    file = weight_file(model)
    if file is not None:
        return file_kernels(file, layer)
    classifier, name = _open(model)
    learned = layer_kernels.kernels(classifier, layer)
    return replace(learned, title=f"{learned.layer} of {name}" if name else learned.layer)


def weight_file(model: Model) -> Path | None:
    """The path, if it is that of a file, and so not of a run folder."""
    return Path(model) if isinstance(model, Path | str) and Path(model).is_file() else None


def feature_maps(
    model: Model, image: ImageLike, layer: str = "conv1", *, stride: int | None = None, size: int | None = None
) -> FeatureMaps:
    """Compute the feature maps of a layer for an image, before and after the activation that follows.

    Args:
        model: a network, a run, or the path of a run folder.
        image: a file, or a decoded image, uint8 [size, size, 3].
        layer: conv1 to pool5.
        stride: px between two outputs of the first layer; 1 gives one for every px. By default the network's.
        size: side in px to which the image file is decoded; on a larger image the maps of deeper layers have more
            outputs, and each kernel sees a smaller part of the image. By default the network's.

    Raises:
        DataError: the file is missing or not an image.
        GeometryError: there is no such layer, its output is not maps, or it cannot have this stride or size.
        RunError: there is no run at the path, or it is damaged.

    >>> figure = alexnet.feature_maps("runs/first", "photo.jpg", "conv2").draw()
    >>> alexnet.feature_maps("runs/first", "photo.jpg", "conv1", stride=1).before.shape
    (96, 57, 57)
    >>> alexnet.feature_maps("runs/first", "photo.jpg", "conv5", size=192).before.shape
    (256, 10, 10)
    """
    classifier, _ = _open(model)
    if stride is not None and size is not None:
        raise GeometryError("stride and size: choose one of them")
    pixels, name = _read(image, classifier, size)
    title = f"{layer} of {name}"
    if stride is not None:
        return strided_maps(classifier, pixels, layer, stride=stride, title=title)
    if size is not None:
        return enlarged_maps(classifier, pixels, layer, title=title)
    return maps.feature_maps(classifier, pixels, layer, title=title)


def match_kernels(model: Model, kernel: Kernel | str, layer: str = "conv1", *, most: int = 8) -> KernelMatches:
    """Find the learned kernels of a layer most similar to a given one, at any position and with either sign.

    Args:
        model: a network, a run, or the path of a run folder.
        kernel: a kernel, or text as `read_kernel` takes it: a name, numbers, or a file.
        layer: conv1 to conv5.
        most: how many kernels to return.

    Raises:
        AlexNetError: there is no such run, layer or kernel.

    >>> len(alexnet.match_kernels("runs/first", "sobel-y"))
    8
    """
    classifier, name = _open(model)
    title = f"{layer} of {name}" if name else layer
    return kernel_matching.match_kernels(classifier, kernel, layer, most=most, title=title)


def apply_learned_kernel(model: Model, image: ImageLike, layer: str, number: int) -> LearnedResult:
    """Apply a learned kernel to an image as its layer does it: channel by channel, and summed.

    Args:
        model: a network, a run, or the path of a run folder.
        image: a file, or a decoded image, uint8 [size, size, 3].
        layer: conv1 to conv5.
        number: of the kernel, from 0.

    Raises:
        DataError: the file is missing or not an image.
        GeometryError: there is no such layer or kernel.
        RunError: there is no run at the path, or it is damaged.

    >>> alexnet.apply_learned_kernel("runs/first", "photo.jpg", "conv1", 37).difference < 1e-3
    True
    """
    classifier, run = _open(model)
    pixels, name = _read(image, classifier)
    title = f"{layer} kernel {number}{f' of {run}' if run else ''} applied to {name}"
    return applied_kernel.apply_learned_kernel(classifier, pixels, layer, number, title=title)


def trace_layer(model: Model, image: ImageLike, layer: str, *, map: int, row: int = 0, column: int = 0) -> LayerStep:
    """Compute one output of a layer for an image, with everything that it depends on.

    Args:
        model: a network, a run, or the path of a run folder.
        image: a file, or a decoded image, uint8 [size, size, 3].
        layer: a convolution, max pooling or response normalization, conv1 to pool5, or a fully connected layer.
        map, row, column: of the output, from 0; of a fully connected layer, its unit, 0 and 0.

    Raises:
        DataError: the file is missing or not an image.
        GeometryError: there is no such layer or output.
        RunError: there is no run at the path, or it is damaged.

    >>> alexnet.trace_layer("runs/first", "photo.jpg", "pool1", map=0).kind
    'max pooling'
    """
    classifier, _ = _open(model)
    return layer_trace.trace_layer(classifier, _read(image, classifier)[0], layer, map=map, row=row, column=column)


def _open(model: Model) -> tuple[Classifier, str]:
    """The network, and the name of its run, "" for a network without a run."""
    if isinstance(model, Classifier):
        return model, ""
    run: Run = as_run(model)
    return as_classifier(run), run.name


def _read(image: ImageLike, classifier: Classifier, size: int | None = None) -> tuple[Pixels, str]:
    """The decoded image, of the network's size or of another, and its name."""
    if not isinstance(image, Path | str):
        return image, "an image"
    return read_image(image, classifier, size=size), shown_name(Path(image).name)
