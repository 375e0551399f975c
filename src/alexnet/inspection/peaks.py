"""The strongest output of every unit for every image, and its place: all units of several layers in one pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor, nn

from alexnet.data.cache import DecodedImages
from alexnet.errors import GeometryError
from alexnet.inspection.features import kind_of_features
from alexnet.inspection.network_layers import convolutions, find_layer, network_input, output_layer
from alexnet.inspection.receptive_field import StopForward
from alexnet.inspection.recording import Outputs, check_units, layers_that_run, preserved, recorded
from alexnet.inspection.row_cache import batches_of, cache_together, cached_rows
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress

__all__ = ["Peaks", "find_peaks", "find_peaks_with_features"]

CHUNK = 1024
"""Images whose outputs are compared at once."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """Of every image, each unit's largest output and where it is.

    layers: their names. counts: units of each layer. rows: [N, 2 * all units], mapped from the disk: for one layer
    after another the values, then the places in the flattened map. notes: remarks, one line each.
    """

    layers: tuple[str, ...]
    counts: tuple[int, ...]
    rows: Float32[np.ndarray, "N D"]
    notes: tuple[str, ...] = ()

    def count(self, layer: str) -> int:
        """Units of a layer."""
        return self.counts[self.layers.index(layer)]

    def of_unit(self, layer: str, number: int) -> tuple[Float32[np.ndarray, " N"], Int[np.ndarray, " N"]]:
        """Values and places of one unit, an entry for each image."""
        start = self._start(layer)
        values = np.array(self.rows[:, start + number])
        return values, np.array(self.rows[:, start + self.count(layer) + number], np.int64)

    def of_layer(self, layer: str) -> Float32[np.ndarray, "N C"]:
        """Values of every unit of a layer, mapped from the disk."""
        start = self._start(layer)
        return self.rows[:, start : start + self.count(layer)]

    def strongest(
        self, layer: str, rows: Int[np.ndarray, " n"], count: int
    ) -> tuple[Int[np.ndarray, "k C"], Float32[np.ndarray, " C"]]:
        """Of every unit of a layer the images on which it responds most, in no order, and its largest output.

        The file is read once, a few images at a time, so that the memory does not grow with their number.

        Args:
            rows: of the images to choose from.
            count: images of each unit, >= 1.

        Returns:
            Places in `rows`, at most `count` of them, and the largest output on these images.
        """
        values, num_units = self.of_layer(layer), self.count(layer)
        best, places = np.empty((0, num_units), np.float32), np.empty((0, num_units), np.int64)
        for start in range(0, len(rows), CHUNK):
            part = values[rows[start : start + CHUNK]]
            numbers = np.broadcast_to(np.arange(start, start + len(part))[:, None], part.shape)
            best, places = np.concatenate([best, part]), np.concatenate([places, numbers])
            kept = np.argpartition(-best, min(count, len(best)) - 1, axis=0)[:count]
            best, places = np.take_along_axis(best, kept, 0), np.take_along_axis(places, kept, 0)
        return places, best.max(0)

    def _start(self, layer: str) -> int:
        return 2 * sum(self.counts[: self.layers.index(layer)])


def find_peaks(
    classifier: Classifier,
    images: DecodedImages,
    layers: Sequence[str] | None = None,
    *,
    on_progress: Progress | None = None,
) -> Peaks:
    """The largest output of every unit of some layers for every image of a decoded folder, in one pass.

    The outputs are those of the layers themselves, before the activation. They are kept beside the decoded images, 8
    bytes for a unit and an image; see `cached_rows`. A layer that runs several times counts with its largest output.

    Args:
        layers: names; by default every convolutional layer that runs in testing.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        GeometryError: there is no such layer, it does not run, the network has no convolution, or an output is no
            tensor.
        DataError: the cache cannot be written.
    """
    names = tuple(layers) if layers is not None else _convolutions_that_run(classifier, images)
    modules = {name: find_layer(classifier.network, name) for name in names}

    def compute() -> Iterator[np.ndarray]:
        for pixels in batches_of(images, on_progress):
            yield _peaks_of(classifier, modules, network_input(classifier, pixels))

    rows = cached_rows(_kind(names), classifier, images, compute)
    counts = _count_units(classifier, names, images)
    return Peaks(names, tuple(counts[name] for name in names), rows.values, rows.notes)


def find_peaks_with_features(
    classifier: Classifier, images: DecodedImages, layer: str, *, on_progress: Progress | None = None
) -> None:
    """Keep what `find_peaks` and `compute_features` compute, in one pass instead of two, where neither is kept yet.

    Args:
        layer: of the features.
        on_progress: called with (images done, images in all) while computing.

    Raises:
        GeometryError: as both.
        DataError: the cache cannot be written.
    """
    names = _convolutions_that_run(classifier, images)
    modules = {name: find_layer(classifier.network, name) for name in names}
    whole = output_layer(classifier.network, layer)

    def compute() -> Iterator[tuple[np.ndarray, ...]]:
        for pixels in batches_of(images, on_progress):
            with recorded(classifier.network, [whole]) as outputs:
                peaks = _peaks_of(classifier, modules, network_input(classifier, pixels), to_the_end=True)
            yield peaks, outputs[whole].float().flatten(1).cpu().numpy()

    cache_together([_kind(names), kind_of_features(whole)], classifier, images, compute)


def _kind(names: Sequence[str]) -> str:
    return f"peaks {' '.join(names)}"


def _convolutions_that_run(classifier: Classifier, images: DecodedImages) -> tuple[str, ...]:
    """All but those of a head that only training uses, say."""
    names = convolutions(classifier.network)
    if isinstance(classifier.network, AlexNet):
        return names  # all of them
    running = layers_that_run(classifier.network, names, network_input(classifier, images.pixels[:1]))
    return tuple(name for name in names if name in running)


def _count_units(classifier: Classifier, names: Sequence[str], images: DecodedImages) -> dict[str, int]:
    modules = {name: find_layer(classifier.network, name) for name in names}
    known = {name: _num_outputs(module) for name, module in modules.items()}
    if all(known.values()):
        return {name: int(count or 0) for name, count in known.items()}
    outputs = _largest(classifier, modules, network_input(classifier, images.pixels[:1]))
    return {name: value.shape[1] for name, (value, _) in outputs.items()}


def _num_outputs(module: nn.Module) -> int | None:
    return module.weight.shape[0] if isinstance(module, nn.Conv2d | nn.Linear) else None


def _peaks_of(
    classifier: Classifier, modules: dict[str, nn.Module], x: Tensor, *, to_the_end: bool = False
) -> np.ndarray:
    """Values and places of a batch, [n, 2 * all units]; see `_largest`."""
    peaks = _largest(classifier, modules, x, to_the_end=to_the_end)
    parts = [part.float() for name in modules for part in peaks[name]]
    return torch.cat(parts, 1).cpu().numpy()


def _largest(
    classifier: Classifier, modules: dict[str, nn.Module], x: Tensor, *, to_the_end: bool = False
) -> dict[str, tuple[Tensor, Tensor]]:
    """For each layer the largest output of every unit, [n, C], and its place, counted on through all of its runs.

    to_the_end: run the network's other layers, too, although nothing here needs them.
    """
    peaks: dict[str, tuple[Tensor, Tensor]] = {}
    lengths: dict[str, int] = {}
    runs_last = list(modules)[-1]
    may_stop = not to_the_end and hasattr(
        classifier.network, "named_layers"
    )  # layers run in the order of their names

    def hook_of(name: str) -> object:
        def hook(module: nn.Module, _inputs: object, value: object) -> None:
            output = check_units(name, module, value)
            values, places = output.clone(), torch.zeros_like(output)
            if output.ndim > 2:
                values, places = output.flatten(2).max(2)
            length = output[0, 0].numel()
            if name in peaks:  # the places of its later runs follow those of the earlier ones
                earlier, at = peaks[name]
                if earlier.shape[1] != values.shape[1]:
                    raise GeometryError(
                        f"layer {name}: runs with {earlier.shape[1]} units and with {values.shape[1]} in one forward "
                        "pass; choose another layer"
                    )
                is_larger = values > earlier
                values = torch.where(is_larger, values, earlier)
                places = torch.where(is_larger, places + lengths[name], at.to(places))
            peaks[name], lengths[name] = (values, places), lengths.get(name, 0) + length
            if may_stop and name == runs_last:
                raise StopForward

        return hook

    with preserved(classifier.network), torch.inference_mode():
        classifier.network.eval()
        handles = [module.register_forward_hook(hook_of(name)) for name, module in modules.items()]  # type: ignore[arg-type]
        try:
            classifier.network(x)
        except StopForward:
            pass
        finally:
            for handle in handles:
                handle.remove()
    for name in modules:
        if name not in peaks:
            Outputs()[name]  # raises
    return peaks
