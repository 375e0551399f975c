"""What happens without a unit: a run tested with each unit of a layer switched off in turn."""

from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor, nn

from alexnet.data.split import Indices
from alexnet.errors import GeometryError
from alexnet.evaluation.averaged import one_view
from alexnet.inspection.ablation import ablated
from alexnet.inspection.network_layers import blank_input, find_layer, weighted_layers
from alexnet.inspection.quick_passes import keeping_rounded_weights
from alexnet.inspection.recording import Outputs, layers_that_run, preserved, recorded
from alexnet.inspection.unit_outputs import Extremes, unit_outputs
from alexnet.inspection.unit_removal import UnitRemoval
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.runs.ablation_results import Ablation
from alexnet.runs.run import Model, as_classifier, open_once
from alexnet.runs.tested_images import TestedImages, compare, replacements, tested_images

__all__ = ["Progress", "ablate"]

SWEPT = 128
"""Images of a sweep in one forward pass: few enough for the CPU's cache (EXPERIMENTS.md)."""

DUPLICATE = 0.98
"""Correlation of two kernels' weights from which they count as the same one."""


def ablate(
    model: Model, layer: str = "conv1", *, by: str = "zero", data: Any = None, on_progress: Progress | None = None
) -> Ablation:
    """Switch off every unit of a layer in turn, and test again.

    In an `AlexNet` only the layers after it are computed again. Each image is tested by one view alone, its center.

    Args:
        model: a network, a run, or the path of a run's folder.
        layer: a layer with weights, before the last one that runs.
        by: what replaces a unit's output: `zero`, or its `mean` over up to 2,000 training images, which removes what
            the unit says about one image but keeps its average.
        data: other images to test on; by default the run's own test images. Required for a network without a run.
        on_progress: called with (units done, units in all), where a unit counts once for each batch of images.

    Raises:
        GeometryError: there is no such layer, it does not run in testing, or it has no units to switch off.
        RecipeError: `by` is neither of the two.
        DataError: the images are not where they were, or have changed.

    >>> sweep = alexnet.ablate("runs/first", "conv5")
    >>> sweep.units[0].unit
    'conv5/0'
    """
    model = open_once(model)
    network: nn.Module = as_classifier(model).network  # of any kind
    module = find_layer(network, layer)
    if not isinstance(module, nn.Conv2d | nn.Linear) or layer == _last_layer(as_classifier(model), layer):
        raise GeometryError(f"layer {layer}: has no units to switch off; choose a layer with weights before the last")
    tested = tested_images(model, data)
    values = replacements(model, layer, by, data)
    sweep = _sweep if isinstance(network, AlexNet) else _sweep_any_network
    baseline, without, extremes = sweep(tested, layer, len(module.weight), values, on_progress)
    return Ablation(
        layer=layer,
        num_images=len(tested.labels),
        baseline_error=float((baseline != tested.labels).mean()),
        units=tuple(
            compare(tested, f"{layer}/{number}", baseline, predicted) for number, predicted in enumerate(without)
        ),
        dead=tuple(int(number) for number in extremes.are_constant.nonzero().flatten()),
        duplicates=_duplicates(module),
        by=by,
        views=one_view(as_classifier(model)),
    )


def _last_layer(classifier: Classifier, layer: str) -> str:
    """The layer with weights whose outputs are the logits: the last one to run, wherever it was defined.

    Raises:
        GeometryError: `layer` does not run.
    """
    names = weighted_layers(classifier.network)
    if isinstance(classifier.network, AlexNet):
        return names[-1]
    names = tuple(dict.fromkeys((*names, layer)))  # one with parts of its own (a reparametrization) is not among them
    running = layers_that_run(classifier.network, names, blank_input(classifier))
    if layer not in running:
        Outputs()[layer]  # raises
    return running[-1]


def _sweep(
    tested: TestedImages, layer: str, count: int, values: Tensor | None, on_progress: Progress | None
) -> tuple[Indices, Int[np.ndarray, "U N"], Extremes]:
    """Class numbers with every unit and without each, and the range of each unit; by differences alone."""
    network, extremes = tested.classifier.network, Extremes()
    assert isinstance(network, AlexNet)
    baseline: list[Indices] = []
    without: list[Indices] = []  # [U, N] of each batch
    num_passes = count * -(-len(tested.rows) // SWEPT)
    replaced = [0.0] * count if values is None else values.tolist()
    with keeping_rounded_weights():
        for x in tested.batches(SWEPT):
            with recorded(network, [layer]) as outputs, unit_outputs(network, layer) as followed:
                network(x)
            extremes.add(followed.outputs[0])
            with preserved(network):
                network.eval()
                removal, predicted = UnitRemoval(network, layer, outputs.pop(layer)), []
                baseline.append(np.asarray(removal.logits().argmax(1).cpu()))
                for number, value in enumerate(replaced):
                    predicted.append(removal.classes_without(number, value).cpu().numpy())
                    if on_progress:
                        on_progress(len(without) * count + number + 1, num_passes)
            without.append(np.stack(predicted))
    return np.concatenate(baseline), np.concatenate(without, axis=1), extremes


def _sweep_any_network(
    tested: TestedImages, layer: str, count: int, values: Tensor | None, on_progress: Progress | None
) -> tuple[Indices, Int[np.ndarray, "U N"], Extremes]:
    """The same of a network of any kind: the whole of it is computed again for every unit."""
    network, extremes = tested.classifier.network, Extremes()
    with unit_outputs(network, layer) as followed:
        for x in tested.batches():
            followed.clear()
            network(x)
            for output in followed.outputs:
                extremes.add(output)
    without = []
    for number in range(count):
        with ablated(network, {layer: [number]}, values=None if values is None else {layer: values}):
            without.append(tested.predict())
        if on_progress:
            on_progress(number + 1, count)
    return tested.predict(), np.stack(without), extremes


def _duplicates(module: nn.Conv2d | nn.Linear) -> tuple[tuple[int, int], ...]:
    """Pairs of units of one group whose weights are nearly the same but for their length; biases do not count."""
    pairs: list[tuple[int, int]] = []
    groups = module.groups if isinstance(module, nn.Conv2d) else 1
    size = len(module.weight) // groups
    for start in range(0, len(module.weight), size):
        rows = module.weight.detach()[start : start + size].flatten(1).float()
        rows = nn.functional.normalize(rows, dim=1)
        alike = ((rows @ rows.T).tril(-1) > DUPLICATE).nonzero().tolist()
        pairs += [(start + int(b), start + int(a)) for a, b in alike]
    return tuple(pairs)
