"""The first layer of a run: how its kernels moved, what they detect, and which of two runs' are alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alexnet.errors import RunError
from alexnet.inspection.first_convolution import FirstLayer, first_layer, first_layer_of_file
from alexnet.inspection.gabor import FirstLayerStatistics, GaborFit, first_layer_statistics
from alexnet.inspection.kernel_history import KernelHistory
from alexnet.inspection.kernel_pairs import KernelPair, pair_kernels
from alexnet.inspection.kernels import kernels
from alexnet.model.checkpoint import Classifier
from alexnet.runs.inspect_run import weight_file
from alexnet.runs.run import Model, RunLike, as_classifier, as_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "draw_first_layer",
    "draw_kernel_change",
    "draw_kernel_pairs",
    "draw_orientations",
    "kernel_history",
    "kernel_statistics",
    "match_runs",
]

MAX_PAIRS = 48
"""Pairs of kernels on the figure of two runs."""


def kernel_history(run: RunLike) -> KernelHistory:
    """Read the kernels of a run's first layer at the start of training and after every epoch so far.

    Raises:
        RunError: the run has none, because an earlier version of this program trained it, or they are damaged.

    >>> alexnet.kernel_history("runs/first").epochs[0]
    0
    """
    run = as_run(run)
    snapshots = run.folder.kernel_snapshots()
    if not snapshots:
        raise RunError(f"{run.path}: holds no kernels of single epochs; train again to get them")
    moments = [(epoch, _load(path)) for epoch, path in snapshots]
    if len({weights.shape for _, weights in moments}) > 1:
        raise RunError(f"{snapshots[0][1].parent}: its files belong to different networks; train again")
    return KernelHistory("conv1", tuple(epoch for epoch, _ in moments), np.stack([w for _, w in moments]))


def _load(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            weights = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, RecursionError) as error:
        raise RunError(f"{path}: is damaged ({' '.join(str(error).split())[:120]}); delete it") from error
    if weights.ndim != 4 or weights.dtype.kind != "f" or not np.isfinite(weights).all():
        raise RunError(f"{path}: holds no kernels; delete it")
    return np.asarray(weights, np.float32)


def draw_kernel_change(run: RunLike, *, chosen: Sequence[int] | None = None) -> "Figure":
    """Draw the first layer's kernels before training, now, and the difference, side by side on one scale.

    Args:
        run: a run, or the path of its folder.
        chosen: numbers of the kernels to draw; all by default.

    Raises:
        GeometryError: there is no such kernel.
        RunError: the run has no kernels from before its training.

    >>> figure = alexnet.draw_kernel_change("runs/first")
    """
    from alexnet.figures.kernel_change import draw_kernel_change as draw

    run = as_run(run)
    history = kernel_history(run)
    origin = "random"
    if run.recipe.weights:
        origin = "pretrained"
    elif run.recipe.initialization == "patches":
        origin = "patches of the training images, before any label was seen"
    caption = f"start: {origin}; {history.summary()}"
    title = f"{history.layer} of {run.name}"
    return draw(history.start, history.end, title=title, caption=caption, chosen=chosen)


def kernel_statistics(model: Model) -> FirstLayerStatistics:
    """Describe what the kernels of a first layer detect: a Gabor fit for each, and a test of the two towers.

    Args:
        model: a network, a run, the path of a run folder, or that of a weight file.

    Raises:
        GeometryError: no convolution of the network reads gray or color images, or its kernels are below 3 x 3.
        RunError: there is no such run, or it has no network yet.
        WeightsError: the weight file cannot be read, or none of its convolutions reads images.

    >>> 0.0 <= alexnet.kernel_statistics("runs/first").fits[0].r_squared <= 1.0
    True
    """
    return _statistics(_read_first_layer(model)[0])


def _statistics(layer: FirstLayer) -> FirstLayerStatistics:
    return first_layer_statistics(layer.kernels.weights, has_towers=layer.has_towers)


def _read_first_layer(model: Model) -> tuple[FirstLayer, str]:
    """The first layer, and what figures of it are titled."""
    file = weight_file(model)
    if file is not None:
        layer = first_layer_of_file(file)
        return layer, layer.kernels.title
    layer = first_layer(as_classifier(model))
    return layer, layer.kernels.layer + ("" if isinstance(model, Classifier) else f" of {as_run(model).name}")


def draw_first_layer(model: Model) -> "Figure":
    """Draw the first layer's kernels sorted by kind (edge, bar, blob, other), each with its fit.

    Edges and bars are labeled with their orientation, all kernels with the fraction of their energy that the Gabor
    function explains, r².

    Args:
        model: a network, a run, the path of a run folder, or that of a weight file.

    >>> figure = alexnet.draw_first_layer("runs/first")
    """
    from alexnet.figures.first_layer import draw_sorted_kernels

    layer, title = _read_first_layer(model)
    statistics = _statistics(layer)
    title = f"{title}, sorted by kind of the Gabor function that fits best\n{statistics}"
    labels = [_label(fit) for fit in statistics.fits]
    return draw_sorted_kernels(layer.kernels.weights, statistics.sorted_by_kind(), labels, title=title)


def _label(fit: GaborFit) -> str:
    """Number, kind and orientation of a kernel, and how well the function fits."""
    orientation = f" {fit.orientation:.0f}°" if fit.kind in ("edge", "bar") else ""
    return f"{fit.kernel}: {fit.kind}{orientation}\nr² {fit.r_squared:.2f}"


def draw_orientations(model: Model) -> "Figure":
    """Plot the first layer's kernels that a Gabor function fits well by orientation and spatial frequency.

    Args:
        model: a network, a run, the path of a run folder, or that of a weight file.

    >>> figure = alexnet.draw_orientations("runs/first")
    """
    from alexnet.figures.first_layer import KernelPoint
    from alexnet.figures.first_layer import draw_orientations as draw

    layer, title = _read_first_layer(model)
    statistics = _statistics(layer)
    good = [fit for fit in statistics.fits if fit.kind != "other"]
    points = [KernelPoint(fit.orientation, fit.frequency, fit.colorfulness) for fit in good]
    return draw(points, title=f"{title}: {len(good)} of {len(statistics.fits)} kernels, fitted well")


def match_runs(first: RunLike, second: RunLike, layer: str = "conv1") -> tuple[KernelPair, ...]:
    """Match the kernels of a layer of two runs by their correlation, best first.

    Raises:
        GeometryError: the layers have kernels of different shapes.
    """
    one, other = (as_run(run) for run in (first, second))
    return pair_kernels(kernels(one.model, layer).weights, kernels(other.model, layer).weights)


def draw_kernel_pairs(first: RunLike, second: RunLike, layer: str = "conv1") -> "Figure":
    """Draw the best matching kernels of two runs, one above the other, on one scale.

    Args:
        first, second: runs, or the paths of their folders.
        layer: conv1 to conv5.

    Raises:
        GeometryError: there is no such layer, or its kernels have different shapes in the two runs.

    >>> figure = alexnet.draw_kernel_pairs("runs/first", "runs/first")
    """
    from alexnet.figures.kernel_change import draw_kernel_pairs as draw

    one, other = (as_run(run) for run in (first, second))
    pairs = match_runs(one, other, layer)[:MAX_PAIRS]
    upper, lower = (kernels(run.model, layer).weights for run in (one, other))
    return draw(
        upper[[pair.first for pair in pairs]],
        lower[[pair.second for pair in pairs]],
        [pair.correlation for pair in pairs],
        names=(one.name, other.name),
    )
