"""What happens without a unit: a run tested with some of its kernels or units switched off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from alexnet.data.cache import DecodedImages
from alexnet.data.split import Indices
from alexnet.errors import DataError, GeometryError, RecipeError
from alexnet.evaluation.paired import paired_interval
from alexnet.inspection.ablation import ablated
from alexnet.inspection.network_layers import find_layer, network_input, weighted_layers
from alexnet.inspection.quick_passes import keeping_rounded_weights
from alexnet.inspection.recording import preserved, recorded
from alexnet.inspection.unit_removal import UnitRemoval
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record
from alexnet.runs.held_out import choose_images
from alexnet.runs.run import Model, as_classifier, as_run
from alexnet.runs.train_images import training_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Ablation", "UnitAblation", "ablate", "ablate_units"]

BATCH = 256
"""Images in one forward pass."""

SWEPT = 128
"""Images of a sweep in one forward pass: few enough for the CPU's cache (EXPERIMENTS.md)."""

DUPLICATE = 0.98
"""Correlation of two kernels' weights from which they count as the same one."""

BY = ("zero", "mean")
"""What a unit that is switched off gives: 0, or its mean over training images."""

MOST_AVERAGED = 2000
"""Training images over which a unit is averaged, evenly taken from all."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class UnitAblation(Record):
    """A test with one unit, or several, switched off.

    Args:
        unit: its address, LAYER/NUMBER; several are separated by commas.
        error: top-1 error without it.
        difference: that error minus the baseline's; positive where the unit helps.
        interval: 95 % interval of the difference, paired.
        num_fixed, num_broken: images classified correctly only without it, and only with it.
        worst_class: class whose recall falls most; None where none falls.
    """

    unit: str
    error: float
    difference: float
    interval: tuple[float, float]
    num_fixed: int
    num_broken: int
    worst_class: str | None


@dataclass(frozen=True)
class Ablation(Record):
    """Every unit of a layer switched off, one at a time.

    Args:
        layer: name of the layer.
        num_images: test images.
        baseline_error: top-1 error with every unit.
        units: in order of their numbers.
        dead: units whose map is 0 after ReLU for every test image.
        duplicates: pairs of kernels with nearly the same weights.
        by: what replaced a unit's output, `zero` or `mean`.
    """

    layer: str
    num_images: int
    baseline_error: float
    units: tuple[UnitAblation, ...]
    dead: tuple[int, ...]
    duplicates: tuple[tuple[int, int], ...]
    by: str = "zero"

    def draw(self) -> "Figure":
        """The effect of every unit as a bar, largest first, with its interval."""
        from alexnet.figures.ablation_bars import Bar, draw_bars

        ordered = sorted(self.units, key=lambda unit: -unit.difference)
        bars = [Bar(unit.unit.rpartition("/")[2], unit.difference, unit.interval) for unit in ordered]
        title = (
            f"{self.layer}: change of the test error without each unit "
            f"({100 * self.baseline_error:.1f} % with all, {self.num_images} images)"
        )
        return draw_bars(bars, title=title)


def ablate(
    model: Model, layer: str = "conv1", *, by: str = "zero", data: Any = None, on_progress: Progress | None = None
) -> Ablation:
    """Switch off every unit of a layer in turn, and test again.

    In an `AlexNet` only the layers after it are computed again. Each image is tested by its center crop alone.

    Args:
        model: a network, a run, or the path of a run's folder.
        layer: a layer with weights, before the last one.
        by: what replaces a unit's output: `zero`, or its `mean` over up to 2,000 training images, which removes what
            the unit says about one image but keeps its average.
        data: other images to test on; by default the run's own test images. Required for a network without a run.
        on_progress: called with (units done, units in all), where a unit counts once for each batch of images.

    Raises:
        GeometryError: there is no such layer, or it has no units to switch off.
        RecipeError: `by` is neither of the two.
        DataError: the images are not where they were, or have changed.

    >>> sweep = alexnet.ablate("runs/first", "conv5")
    >>> sweep.units[0].unit
    'conv5/0'
    """
    network: nn.Module = as_classifier(model).network  # of any kind
    module = find_layer(network, layer)
    if not isinstance(module, nn.Conv2d | nn.Linear) or layer == weighted_layers(network)[-1]:
        raise GeometryError(f"layer {layer}: has no units to switch off; choose a layer with weights before the last")
    tested = _tested_images(model, data)
    values = _replacements(model, layer, by, data)
    count = len(module.weight)
    values = torch.zeros(count) if values is None else values
    sweep = _sweep if isinstance(network, AlexNet) else _sweep_any_network
    baseline, without, largest = sweep(tested, layer, values, on_progress)
    return Ablation(
        layer=layer,
        num_images=len(tested.labels),
        baseline_error=float((baseline != tested.labels).mean()),
        units=tuple(
            _compare(tested, f"{layer}/{number}", baseline, predicted) for number, predicted in enumerate(without)
        ),
        dead=tuple(int(number) for number in (largest <= 0.0).nonzero().flatten()),
        duplicates=_duplicates(module.weight),
        by=by,
    )


def ablate_units(model: Model, units: dict[str, list[int]], *, by: str = "zero", data: Any = None) -> UnitAblation:
    """Test a network with the given units of any layers switched off together.

    Args:
        model: a network, a run, or the path of a run's folder.
        units: the units' numbers by layer, as `parse_units` gives them.
        by: what replaces their outputs, `zero` or `mean`; see `ablate`.
        data: other images to test on; by default the run's own test images. Required for a network without a run.

    Raises:
        GeometryError: a layer or a unit does not exist.
        DataError: the images are not where they were, or have changed.

    >>> alexnet.ablate_units("runs/first", {"conv1": [5, 9]}).unit
    'conv1/5,conv1/9'
    """
    network = as_classifier(model).network
    with ablated(network, units):
        pass  # raises before anything is computed
    tested = _tested_images(model, data)
    baseline = _predict(tested)
    values = {layer: mean for layer in units if (mean := _replacements(model, layer, by, data)) is not None}
    with ablated(network, units, values=values):
        without = _predict(tested)
    address = ",".join(f"{layer}/{number}" for layer, numbers in units.items() for number in numbers)
    return _compare(tested, address, baseline, without)


@dataclass(frozen=True)
class _TestedImages:
    """The network, the decoded images, and the rows to test on with their class numbers."""

    classifier: Classifier
    images: DecodedImages
    rows: Indices
    labels: Indices

    def batches(self, size: int = BATCH) -> Iterator[Tensor]:
        """The network's input, a batch at a time."""
        for rows in np.array_split(self.rows, -(-len(self.rows) // size)):
            yield network_input(self.classifier, [self.images.pixels[row] for row in rows])


def _tested_images(model: Model, data: Any) -> _TestedImages:
    if not isinstance(model, Classifier):
        (held_out,) = choose_images([as_run(model)], data)
        subset = held_out.subset
        return _TestedImages(held_out.run.model, held_out.images, subset.indices, subset.labels)
    images, rows = training_images(model, data)
    number = {name: place for place, name in enumerate(model.classes)}
    names = [images.files[row].class_name for row in rows]
    known = [place for place, name in enumerate(names) if name in number]
    if not known:
        raise DataError(
            f"{images.folder.path}: has no class that the network knows; name its classes like the folders"
        )
    labels = np.array([number[names[place]] for place in known], np.int64)
    return _TestedImages(model, images, rows[known], labels)


def _replacements(model: Model, layer: str, by: str, data: Any) -> Tensor | None:
    """What each unit of a layer gives when it is switched off; None for 0."""
    if by not in BY:
        raise RecipeError(f"by {by}: choose one of {', '.join(BY)}")
    if by == "zero":
        return None
    classifier = as_classifier(model)
    images, rows = training_images(model, data if isinstance(model, Classifier) else None)
    chosen = rows[np.linspace(0, len(rows) - 1, min(MOST_AVERAGED, len(rows))).astype(int)]
    total = torch.zeros(())
    for start in range(0, len(chosen), BATCH):
        pixels = [images.pixels[row] for row in chosen[start : start + BATCH]]
        with recorded(classifier.network, [layer]) as outputs:
            classifier.network(network_input(classifier, pixels))
        output = outputs[layer].double()
        total = total + (output.flatten(2).mean(2) if output.ndim > 2 else output).sum(0).cpu()
    return (total / len(chosen)).float()


def _sweep(
    tested: _TestedImages, layer: str, values: Tensor, on_progress: Progress | None
) -> tuple[Indices, Int[np.ndarray, "U N"], Float[Tensor, " U"]]:
    """Class numbers with every unit and without each, and the most that each unit gives; by differences alone."""
    network, count = tested.classifier.network, len(values)
    assert isinstance(network, AlexNet)
    largest = torch.full((count,), -torch.inf)
    baseline: list[Indices] = []
    without: list[Indices] = []  # [U, N] of each batch
    num_passes = count * -(-len(tested.rows) // SWEPT)
    with keeping_rounded_weights():
        for x in tested.batches(SWEPT):
            with recorded(network, [layer]) as outputs:
                network(x)
            output = outputs.pop(layer)
            largest = torch.maximum(largest, _most(output).cpu())
            with preserved(network):
                network.eval()
                removal, predicted = UnitRemoval(network, layer, output), []
                baseline.append(_top(removal.logits()))
                for number, value in enumerate(values.tolist()):
                    predicted.append(removal.classes_without(number, value).cpu().numpy())
                    if on_progress:
                        on_progress(len(without) * count + number + 1, num_passes)
            without.append(np.stack(predicted))
    return np.concatenate(baseline), np.concatenate(without, axis=1), largest


def _sweep_any_network(
    tested: _TestedImages, layer: str, values: Tensor, on_progress: Progress | None
) -> tuple[Indices, Int[np.ndarray, "U N"], Float[Tensor, " U"]]:
    """The same of a network of any kind: the whole of it is computed again for every unit."""
    network, count = tested.classifier.network, len(values)
    largest = torch.full((count,), -torch.inf)
    for x in tested.batches():
        with recorded(network, [layer]) as outputs:
            network(x)
        largest = torch.maximum(largest, _most(outputs[layer]).cpu())
    without = []
    for number in range(count):
        with ablated(network, {layer: [number]}, values={layer: values}):
            without.append(_predict(tested))
        if on_progress:
            on_progress(number + 1, count)
    return _predict(tested), np.stack(without), largest


def _most(output: Float[Tensor, "N U ..."]) -> Float[Tensor, " U"]:
    """The largest number that each unit gives."""
    return output.flatten(2).amax((0, 2)) if output.ndim > 2 else output.amax(0)


def _predict(tested: _TestedImages) -> np.ndarray:
    """Predicted class numbers."""
    with preserved(tested.classifier.network), torch.inference_mode():
        tested.classifier.network.eval()
        return np.concatenate([_top(tested.classifier.network(x)) for x in tested.batches()])


def _top(logits: Tensor) -> np.ndarray:
    return np.asarray(logits.argmax(1).cpu())


def _compare(tested: _TestedImages, unit: str, before: np.ndarray, after: np.ndarray) -> UnitAblation:
    labels = tested.labels
    was_wrong, is_wrong = before != labels, after != labels
    broken, fixed = int((is_wrong & ~was_wrong).sum()), int((was_wrong & ~is_wrong).sum())
    falls = [(float(is_wrong[labels == k].mean() - was_wrong[labels == k].mean()), k) for k in np.unique(labels)]
    worst, place = max(falls)
    return UnitAblation(
        unit=unit,
        error=float(is_wrong.mean()),
        difference=float(is_wrong.mean() - was_wrong.mean()),
        interval=paired_interval(int((is_wrong & was_wrong).sum()), broken, fixed, len(labels)),
        num_fixed=fixed,
        num_broken=broken,
        worst_class=tested.classifier.classes[place] if worst > 0.0 else None,
    )


def _duplicates(weight: Tensor) -> tuple[tuple[int, int], ...]:
    """Pairs of units whose weights are nearly the same but for their length."""
    rows = nn.functional.normalize(weight.detach().flatten(1).float(), dim=1)
    alike = ((rows @ rows.T).tril(-1) > DUPLICATE).nonzero().tolist()
    return tuple((int(b), int(a)) for a, b in alike)
