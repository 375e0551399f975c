"""Networks whose layers run in another order than they were made, not at all, or are not the last thing to happen."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from alexnet.data.decode import normalize
from alexnet.errors import GeometryError
from alexnet.evaluation.predict import predict_images, read_image
from alexnet.inspection.image_path import follow_image
from alexnet.inspection.recording import recorded
from alexnet.model.checkpoint import Classifier
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.ablate import ablate
from alexnet.runs.ablate_units import ablate_units
from alexnet.runs.edit import edit
from alexnet.runs.inside import inside
from alexnet.runs.map_images import map_images
from alexnet.runs.similar import features
from alexnet.runs.unit import unit

CLASSES = ("across", "down", "rings")


class WithAuxiliaryHead(nn.Module):
    """A head that only training uses was made between the hidden layer and the last one, another one behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 3)
        self.conv = nn.Conv2d(3, 4, 3, 2)
        self.hidden = nn.Linear(4, 6)
        self.side_conv, self.side = nn.Conv2d(4, 6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x).relu()
        if self.training:
            return self.side(self.side_conv(maps).mean((2, 3)))
        return self.last(self.hidden(maps.mean((2, 3))).relu())


class Reversed(nn.Module):
    """Gives its last layer's outputs in the opposite order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.conv(x).relu().mean((2, 3))).flip(1)


class TwoViews(nn.Module):
    """One convolution that runs twice; no layer has as many units as the last one reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([self.conv(view).relu().mean((2, 3)) for view in (x, x.flip(3) * 2)], 1))


def wrapped(network: nn.Module, size: int = 32) -> Classifier:
    torch.manual_seed(0)
    for weight in network.parameters():
        nn.init.normal_(weight, 0.0, 0.5 if weight.ndim > 1 else 2.0)
    return wrap_network(network.eval(), CLASSES, size=size)


@pytest.fixture
def image(image_folder: Path) -> Path:
    return image_folder / "test" / "down" / "down_1000.png"


@pytest.mark.parametrize("make", [WithAuxiliaryHead, Reversed, TwoViews])
def test_a_map_names_the_classes_that_predict_names(image_folder: Path, make: type[nn.Module]) -> None:
    classifier, test = wrapped(make()), image_folder / "test"
    points = map_images(classifier, layer="conv", method="pca", data=test)
    expected = predict_images(classifier, [test / name for name in points.files])
    assert points.predicted == tuple(each.predicted for each in expected)


def test_layers_that_do_not_run_stand_in_no_one_elses_way(image_folder: Path) -> None:
    classifier, test = wrapped(WithAuxiliaryHead()), image_folder / "test"
    assert unit(classifier, "conv/1", data=test).num_images == 21
    message = r"layer side_conv: does not run in a forward pass of this network; choose another layer"
    with pytest.raises(GeometryError, match=message):
        unit(classifier, "side_conv/1", data=test)
    with pytest.raises(GeometryError, match=message):
        features(classifier, "side_conv", data=test)
    with recorded(classifier.network, ["conv", "side"]) as outputs:
        classifier.network(torch.zeros(1, 3, 32, 32))
    assert outputs["conv"].shape == (1, 4, 15, 15)
    with pytest.raises(GeometryError, match="layer side: does not run"):
        outputs["side"]


class HiddenLast(WithAuxiliaryHead):
    """Its hidden layer was made last of all."""

    def __init__(self) -> None:
        super().__init__()
        del self.side, self.side_conv, self.hidden
        self.hidden = nn.Linear(4, 6)


def test_units_of_every_layer_before_the_last_one_that_runs_are_switched_off(image_folder: Path) -> None:
    test = image_folder / "test"
    for make in (WithAuxiliaryHead, HiddenLast):
        classifier = wrapped(make())
        with pytest.raises(
            GeometryError, match="layer last: has no units to switch off; choose a layer with weights"
        ):
            ablate(classifier, "last", data=test)
        sweep = ablate(classifier, "hidden", data=test)
        assert [each.unit for each in sweep.units] == [f"hidden/{number}" for number in range(6)]
        assert ablate_units(classifier, {"hidden": [2]}, data=test).error == sweep.units[2].error
    for layer in ("side", "side_conv"):
        with pytest.raises(GeometryError, match=f"layer {layer}: does not run in a forward pass of this network"):
            ablate(wrapped(WithAuxiliaryHead()), layer, data=test)
        with pytest.raises(GeometryError, match=f"layer {layer}: does not run in a forward pass of this network"):
            ablate_units(wrapped(WithAuxiliaryHead()), {layer: [0]}, data=test)


def test_the_units_that_decide_are_those_that_the_last_layer_reads(image: Path, image_folder: Path) -> None:
    classifier = wrapped(WithAuxiliaryHead())
    decision = inside(classifier, image, data=image_folder / "test").path.decision
    pushes = (*decision.towards_winner, *decision.towards_runner_up)
    assert decision.layer == "last"
    assert {push.unit.partition("/")[0] for push in pushes} == {"hidden"}
    assert decision.total + decision.bias_difference == pytest.approx(decision.logit_difference, abs=1e-4)


def test_inputs_of_the_last_layer_that_no_layer_gives_are_called_its_inputs(image: Path, image_folder: Path) -> None:
    classifier = wrapped(TwoViews())
    view = inside(classifier, image, data=image_folder / "test")
    decision = view.path.decision
    pushes = (*decision.towards_winner, *decision.towards_runner_up)
    assert {push.unit.partition("/")[0] for push in pushes} == {"input of last"}
    assert not {push.unit for push in pushes} & set(view.patches)
    assert decision.total + decision.bias_difference == pytest.approx(decision.logit_difference, abs=1e-4)


def test_logits_that_are_not_those_of_a_layer_have_no_deciding_units(image: Path) -> None:
    classifier = wrapped(Reversed())
    with pytest.raises(GeometryError, match="does not end in a fully connected layer"):
        follow_image(classifier, read_image(image, classifier))


class Tokens(nn.Module):
    """Works on a sequence of 16 patches, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.inner, self.last = nn.Conv2d(3, 4, 8, 8), nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(self.conv(x).flatten(2).transpose(1, 2)).relu().mean(1))


class Pair(nn.Module):
    """Gives two things."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.last(self.conv(x).mean((2, 3)))
        return logits, logits


def test_a_linear_layer_on_a_sequence_has_no_units_of_an_image(image_folder: Path, image: Path) -> None:
    classifier, test = wrapped(Tokens()), image_folder / "test"
    calls = [
        lambda: unit(classifier, "inner/2", data=test),
        lambda: unit(classifier, "inner/12", data=test),
        lambda: ablate_units(classifier, {"inner": [2]}, data=test),
        lambda: ablate(classifier, "inner", data=test),
    ]
    message = (
        r"layer inner: gives \d+ x 16 x 6 numbers, neither maps nor one number for each unit; choose another layer"
    )
    for call in calls:
        with pytest.raises(GeometryError, match=message):
            call()
    assert features(classifier, "inner", data=test).values.shape == (21, 96)
    assert unit(classifier, "last/2", data=test).num_images == 21
    assert inside(classifier, image, data=test).path.decision.layer == "last"


def test_what_the_network_gives_must_be_a_logit_for_each_class(image_folder: Path, image: Path) -> None:
    test, network = image_folder / "test", WithAuxiliaryHead().eval()
    cases = [(wrap_network(network, CLASSES[:2], size=32), "gives 3 logits for 2 classes; name one class for each")]
    cases += [(wrap_network(network, (*CLASSES, "more"), size=32), "gives 3 logits for 4 classes")]
    cases += [
        (wrap_network(Pair(), CLASSES, size=32), r"gives a tuple, not logits \[N, K\]; wrap a module that gives")
    ]
    for classifier, message in cases:
        for call in (
            lambda c=classifier: predict_images(c, image),
            lambda c=classifier: inside(c, image, data=test),
            lambda c=classifier: edit(c, image, "turn"),
            lambda c=classifier: map_images(c, layer="conv", method="pca", data=test),
            lambda c=classifier: ablate_units(c, {"conv": [1]}, data=test),
        ):
            with pytest.raises(GeometryError, match=message):
                call()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_networks_in_another_precision_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(GeometryError, match=rf"weights in {dtype}: images are float32; wrap `network\.float\(\)`"):
        wrap_network(WithAuxiliaryHead().to(dtype), CLASSES, size=32)


class TwoSizes(TwoViews):
    """One convolution that runs on the image and on its louder lower right quarter."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([self.conv(part).mean((2, 3)) for part in (x, x[:, :, 16:, 16:] * 3)], 1))


@pytest.mark.parametrize("make", [TwoViews, TwoSizes])
def test_patches_of_a_layer_that_runs_twice_are_those_of_the_run_of_the_peak(
    image_folder: Path, make: type[nn.Module]
) -> None:
    classifier = wrapped(make())
    conv, later = classifier.network.conv, 0
    for patch in unit(classifier, "conv/1", data=image_folder / "test", most=21).strips[0].patches:
        x = normalize(torch.from_numpy(patch.pixels[None]), classifier.preprocessing)
        with torch.inference_mode():
            runs = [conv(x)[0, 1, 0, 0], conv(x.flip(3) * 2 if make is TwoViews else x * 3)[0, 1, 0, 0]]
        assert min(abs(float(value) - patch.activation) for value in runs) < 1e-3
        later += abs(float(runs[1]) - patch.activation) < 1e-3
        assert patch.row < 30 and patch.column < 30
    assert later > 0


class Grouped(nn.Module):
    """One activation that runs on maps of different numbers of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.act, self.last = (
            nn.Conv2d(3, 4, 3),
            nn.Conv2d(4, 6, 3),
            nn.ReLU(),
            nn.Linear(6, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.second(self.act(self.first(x)))).mean((2, 3)))


def test_a_layer_that_runs_with_other_numbers_of_units_is_one_line(image_folder: Path) -> None:
    message = "layer act: runs with 4 units and with 6 in one forward pass; choose another layer"
    with pytest.raises(GeometryError, match=message):
        unit(wrapped(Grouped()), "act/1", data=image_folder / "test")


class SharedVector(TwoViews):
    """A fully connected layer that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.last = nn.Linear(4, 5), nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.cat([self.shared(self.conv(part).mean((2, 3))) for part in (x, x.flip(3) * 3)], 1))


def test_a_unit_of_a_vector_that_is_computed_twice_depends_on_the_whole_image(image_folder: Path) -> None:
    for patch in unit(wrapped(SharedVector()), "shared/1", data=image_folder / "test").strips[0].patches:
        assert (patch.row, patch.column, patch.height, patch.width) == (0, 0, 32, 32)
