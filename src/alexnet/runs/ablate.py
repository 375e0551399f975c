"""What happens without a unit: a run tested with some of its kernels or units switched off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.data.decode import center_crop, normalize
from alexnet.errors import GeometryError
from alexnet.evaluation.paired import paired_interval
from alexnet.inspection.ablation import ablated, forward_from
from alexnet.inspection.recording import preserved, recorded
from alexnet.records import Record
from alexnet.runs.held_out import HeldOutImages, choose_images
from alexnet.runs.run import Run, RunLike, as_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Ablation", "UnitAblation", "ablate", "ablate_units"]

BATCH = 256
"""Images in one forward pass."""

DUPLICATE = 0.98
"""Correlation of two kernels' weights from which they count as the same one."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class UnitAblation(Record):
    """A test with one unit, or several, switched off.

    Args:
        unit: its address, LAYER/NUMBER; several are separated by commas.
        error: top-1 error without it.
        difference: that error less the baseline's; positive where the unit helps.
        interval: 95 % interval of the difference, paired.
        num_fixed, num_broken: images that are right only without it, and only with it.
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
    """

    layer: str
    num_images: int
    baseline_error: float
    units: tuple[UnitAblation, ...]
    dead: tuple[int, ...]
    duplicates: tuple[tuple[int, int], ...]

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


def ablate(run: RunLike, layer: str = "conv1", *, data: Any = None, on_progress: Progress | None = None) -> Ablation:
    """Switch off every unit of a layer in turn, and test again; only the layers behind it are computed again.

    Images are looked at once, by their center.

    Args:
        layer: a layer with weights, before the last one.
        data: other images to test on; by default the run's own test images.
        on_progress: called with (units done, units in all).

    Raises:
        GeometryError: there is no such layer, or it has no units to switch off.
        DataError: the images are not where they were, or have changed.

    >>> sweep = alexnet.ablate("runs/first", "conv5")
    >>> sweep.units[0].unit
    'conv5/0'
    """
    run = as_run(run)
    module = run.model.network[layer]
    if not isinstance(module, nn.Conv2d | nn.Linear) or layer == run.model.network.layer_names[-1]:
        raise GeometryError(f"layer {layer}: has no units to switch off; choose a layer with weights before the last")
    (held_out,) = choose_images([run], data)
    outputs = [output for output, _ in _layer_outputs(held_out, layer)]
    labels = held_out.subset.labels
    with preserved(run.model.network), torch.inference_mode():
        run.model.network.eval()
        baseline = _predict_from(run, layer, outputs, None)
        units = []
        for number in range(len(module.weight)):
            predicted = _predict_from(run, layer, outputs, number)
            units.append(_compare(run, f"{layer}/{number}", baseline, predicted, labels))
            if on_progress:
                on_progress(number + 1, len(module.weight))
    return Ablation(
        layer=layer,
        num_images=len(labels),
        baseline_error=float((baseline != labels).mean()),
        units=tuple(units),
        dead=_dead(outputs),
        duplicates=_duplicates(module.weight),
    )


def ablate_units(run: RunLike, units: dict[str, list[int]], *, data: Any = None) -> UnitAblation:
    """Test a run with the given units of any layers switched off together.

    Args:
        units: layer → numbers, see `parse_units`.

    Raises:
        GeometryError: a layer or a unit does not exist.
        DataError: the images are not where they were, or have changed.

    >>> alexnet.ablate_units("runs/first", {"conv1": [5, 9]}).unit
    'conv1/5,conv1/9'
    """
    run = as_run(run)
    (held_out,) = choose_images([run], data)
    last = run.model.network.layer_names[-1]

    def predict() -> np.ndarray:
        return np.concatenate([logits.argmax(1).cpu().numpy() for _, logits in _layer_outputs(held_out, last)])

    baseline = predict()
    with ablated(run.model.network, units):
        without = predict()
    address = ",".join(f"{layer}/{number}" for layer, numbers in units.items() for number in numbers)
    return _compare(run, address, baseline, without, held_out.subset.labels)


def _layer_outputs(held_out: HeldOutImages, layer: str) -> Iterator[tuple[Tensor, Tensor]]:
    """The layer's output and the logits, a batch at a time."""
    classifier = held_out.run.model
    device = next(classifier.network.parameters()).device
    rows = held_out.subset.indices
    for start in range(0, len(rows), BATCH):
        crops = [
            center_crop(held_out.images.pixels[row], classifier.preprocessing) for row in rows[start : start + BATCH]
        ]
        x = normalize(torch.from_numpy(np.stack(crops)).to(device), classifier.preprocessing)
        with recorded(classifier.network, [layer]) as outputs:
            logits = classifier.network(x)
        yield outputs[layer], logits


def _predict_from(run: Run, layer: str, outputs: list[Tensor], unit: int | None) -> np.ndarray:
    """Predicted class numbers from a layer's output, without one of its units."""
    predicted = []
    for output in outputs:
        changed = output.clone()
        if unit is not None:
            changed[:, unit] = 0.0
        predicted.append(forward_from(run.model.network, layer, changed).argmax(1).cpu().numpy())
    return np.concatenate(predicted)


def _compare(run: Run, unit: str, before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> UnitAblation:
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
        worst_class=run.model.classes[place] if worst > 0.0 else None,
    )


def _dead(outputs: list[Tensor]) -> tuple[int, ...]:
    """Units that are never positive."""
    largest = torch.stack(
        [output.flatten(2).amax((0, 2)) if output.ndim > 2 else output.amax(0) for output in outputs]
    )
    return tuple(int(number) for number in (largest.amax(0) <= 0.0).nonzero().flatten())


def _duplicates(weight: Tensor) -> tuple[tuple[int, int], ...]:
    """Pairs of units whose weights are nearly the same but for their length."""
    rows = nn.functional.normalize(weight.detach().flatten(1).float(), dim=1)
    alike = ((rows @ rows.T).tril(-1) > DUPLICATE).nonzero().tolist()
    return tuple((int(b), int(a)) for a, b in alike)
