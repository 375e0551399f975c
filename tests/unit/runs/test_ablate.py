"""Units switched off, against weights set to zero by hand; dead and duplicate units that were planted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alexnet.errors import DataError, GeometryError
from alexnet.evaluation.predict import read_image
from alexnet.inspection.network_layers import network_input
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.initialization import initialize
from alexnet.model.specs import Activation, Conv
from alexnet.model.variants import VARIANTS
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.ablate import ablate
from alexnet.runs.ablate_units import ablate_on_image, ablate_units
from alexnet.runs.ablation_results import Ablation
from alexnet.runs.run import Run
from alexnet.runs.unit import unit

CLASSES = ("across", "down", "rings")


@contextmanager
def without_weights(network: nn.Module, layer: str, numbers: list[int]) -> Iterator[None]:
    """Inside the block the units' weights and biases are 0."""
    module = network.get_submodule(layer) if not isinstance(network, AlexNet) else network[layer]
    kept = module.weight.detach().clone(), module.bias.detach().clone()
    try:
        with torch.no_grad():
            module.weight[numbers], module.bias[numbers] = 0.0, 0.0
        yield
    finally:
        with torch.no_grad():
            module.weight.copy_(kept[0])
            module.bias.copy_(kept[1])


def predicted(run: Run) -> dict[str, tuple[str, str]]:
    """File → true and predicted class by the center crop, of the run's test images."""
    root, result = Path(run.about.data.path), {}
    for each in run.predictions:
        with torch.no_grad():
            x = network_input(run.model, read_image(root / each.file, run.model)[None])
            result[each.file] = str(each.true), run.model.classes[int(run.model.network.eval()(x).argmax())]
    return result


def by_hand(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> tuple[set[str], set[str], dict[str, float]]:
    """Files fixed and broken, and the change of recall of each class where there is one."""
    fixed = {file for file, (true, name) in before.items() if name != true and after[file][1] == true}
    broken = {file for file, (true, name) in before.items() if name == true and after[file][1] != true}
    changes: dict[str, float] = {}
    for name in CLASSES:
        files = [file for file, (true, _) in before.items() if true == name]
        count = sum(after[file][1] == name for file in files) - sum(before[file][1] == name for file in files)
        changes |= {name: count / len(files)} if count else {}
    return fixed, broken, changes


@pytest.mark.parametrize("off", ["conv3", "conv1/5,conv4,conv1/2", "conv2/3,conv2/7"])
def test_units_and_layers_switched_off_equal_weights_set_to_zero(narrow_run: Run, off: str) -> None:
    seen: list[tuple[int, int]] = []
    result = ablate_units(narrow_run, off, on_progress=lambda *counts: seen.append(counts))
    network = narrow_run.model.network
    parts = {"conv3": [("conv3", list(range(64)))], "conv2/3,conv2/7": [("conv2", [3, 7])]}
    planted = parts.get(off, [("conv1", [5, 2]), ("conv4", list(range(64)))])
    before = predicted(narrow_run)
    with without_weights(network, *planted[0]):
        if planted[1:]:
            with without_weights(network, *planted[1]):
                after = predicted(narrow_run)
        else:
            after = predicted(narrow_run)
    fixed, broken, changes = by_hand(before, after)
    assert (set(result.fixed), set(result.broken)) == (fixed, broken)
    assert {each.name: pytest.approx(each.difference) for each in result.classes} == changes
    assert [each.difference for each in result.classes] == sorted(each.difference for each in result.classes)
    for each in result.classes:
        files = [file for file, (true, _) in after.items() if true == each.name]
        assert each.num_images == len(files)
        assert each.recall == pytest.approx(sum(after[file][1] == each.name for file in files) / len(files))
    assert result.error == pytest.approx(sum(true != name for true, name in after.values()) / len(after))
    assert result.baseline_error == pytest.approx(result.error - result.difference)
    assert result.unit == off.replace("conv1/5,conv4,conv1/2", "conv1/5,conv1/2,conv4")
    assert seen == [(21, 42), (42, 42)]
    values = result.to_dict()
    assert (values["num_fixed"], values["broken"]) == (len(fixed), list(result.broken))


def test_a_whole_layer_off_breaks_something(narrow_run: Run) -> None:
    """So that the comparison above is not one of nothing with nothing."""
    result = ablate_units(narrow_run, "conv3")
    assert result.num_fixed + result.num_broken > 0 and result.classes
    assert ablate_units(narrow_run.path, "conv3") == result, "a path opens the run anew"


def test_one_image_before_and_after(narrow_run: Run, image_folder: Path) -> None:
    image = image_folder / "test" / "rings" / "rings_1002.png"
    changed = ablate_on_image(narrow_run, image, "conv3,conv1/4")
    network = narrow_run.model.network

    def probabilities() -> list[float]:
        with torch.no_grad():
            x = network_input(narrow_run.model, read_image(image, narrow_run.model)[None])
            return network.eval()(x)[0].softmax(0).tolist()

    assert list(changed.before) == pytest.approx(probabilities())
    with without_weights(network, "conv3", list(range(64))), without_weights(network, "conv1", [4]):
        assert list(changed.after) == pytest.approx(probabilities(), abs=1e-6)
    assert changed.after != changed.before
    assert changed.to_dict()["predicted_after"] == CLASSES[int(np.argmax(changed.after))]
    assert (changed.unit, changed.classes, changed.file) == ("conv3,conv1/4", CLASSES, str(image))
    with pytest.raises(GeometryError, match="conv3/999: conv3 has units 0 to 63"):
        ablate_on_image(narrow_run, image, "conv3/999")
    with pytest.raises(DataError):
        ablate_on_image(narrow_run, image.with_name("gone.png"), "conv3/9")


def towers() -> AlexNet:
    """The narrow network with two towers in conv2: each half of it reads half of conv1's maps."""
    spec = VARIANTS["narrow"]
    features = tuple(
        replace(layer, groups=2) if isinstance(layer, Conv) and layer.name == "conv2" else layer
        for layer in spec.features
    )
    network = AlexNet(replace(spec, features=features), size=67, num_classes=3).eval()
    initialize(network, "fan_in", seed=0)
    return network


def as_classifier(network: nn.Module, size: int = 67) -> Classifier:
    return wrap_network(network, CLASSES, size=size)


def test_kernels_are_duplicates_only_of_kernels_that_read_the_same_maps(image_folder: Path) -> None:
    network = towers()
    with torch.no_grad():
        weight = network["conv2"].weight
        weight[7] = 0.5 * weight[3]  # the same tower
        weight[30] = weight[3]  # the other tower: units 24 to 47
    sweep = ablate(as_classifier(network), "conv2", data=image_folder / "test")
    assert sweep.duplicates == ((3, 7),)
    with torch.no_grad():
        weight[40] = 2.0 * weight[30]
        network["conv2"].bias[40] = 5.0
    sweep = ablate(as_classifier(network), "conv2", data=image_folder / "test")
    assert sweep.duplicates == ((3, 7), (30, 40)), "kernels, whatever their biases"


@pytest.mark.parametrize("function", ["tanh", "leaky_relu", "gelu", "silu", "relu"])
def test_working_units_that_are_never_positive_are_dead_only_before_relu(image_folder: Path, function: str) -> None:
    """Unit 3 stays below 0; unit 6 gives its bias everywhere. `ablate` and `unit` agree."""
    spec = VARIANTS["narrow"]
    features = tuple(
        replace(layer, function=function) if isinstance(layer, Activation) else layer for layer in spec.features
    )
    network = AlexNet(replace(spec, features=features), size=67, num_classes=3).eval()
    initialize(network, "fan_in", seed=0)
    classifier = as_classifier(network)
    with torch.no_grad():
        network["conv2"].weight[3] *= 0.01
        network["conv2"].bias[3] = -0.5
        network["conv2"].weight[6], network["conv2"].bias[6] = 0.0, 0.25
    sweep = ablate(classifier, "conv2", data=image_folder / "test")
    expected = (3, 6) if function == "relu" else (6,)
    assert sweep.dead == expected
    for number in (2, 3, 6):
        view = unit(classifier, f"conv2/{number}", data=image_folder / "test")
        assert (view.maximum < 0) == (number == 3)
        assert view.is_dead == view.to_dict()["is_dead"] == (number in expected)
        assert ("dead" in view.title) == (number in expected)


def test_dead_units_behind_batch_normalization(image_folder: Path) -> None:
    """Unit 1: its convolution is never positive, but works. 2: normalized to a constant. 3: below 0 behind it."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(96, 3),
    ).eval()  # fmt: skip
    classifier = as_classifier(network, 32)
    with torch.no_grad():
        network[0].weight[1] *= 0.01
        network[0].bias[1] = network[1].running_mean[1] = -2.0
        network[1].running_var[1] = 1e-4
        network[1].weight[2], network[1].bias[2] = 0.0, 0.6
        network[1].bias[3] = -100.0
    sweep = ablate(classifier, "0", data=image_folder / "test")
    assert sweep.dead == (2, 3)
    views = [unit(classifier, f"0/{number}", data=image_folder / "test") for number in range(4)]
    assert [view.is_dead for view in views] == [False, False, True, True]
    assert views[1].maximum < 0 < views[3].maximum
    with torch.no_grad():
        kept = network[1].weight[4].clone(), network[1].bias[4].clone()
        network[1].bias[4] = 3.0  # a unit that gave 0 before it would give 3 behind it
        image = image_folder / "test" / "down" / "down_1000.png"
        result = ablate_on_image(classifier, image, {"0": [4]})
        network[1].weight[4], network[1].bias[4] = 0.0, 0.0
        expected = ablate_on_image(classifier, image, {})
        network[1].weight[4], network[1].bias[4] = kept
    assert result.after == pytest.approx(expected.before)
    assert result.before != result.after
    assert ablate(classifier, "0", data=image_folder / "test").units[4].unit == "0/4"


def test_a_sweep_goes_to_plain_data_and_back(narrow_run: Run) -> None:
    sweep = ablate(narrow_run, "conv5")
    again = Ablation.from_dict(sweep.to_dict())
    assert again == sweep
    assert sweep.views == "squashed image"
    assert any(each.classes for each in sweep.units) or sweep.baseline_error > 0
