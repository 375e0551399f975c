"""A unit of a fully connected layer is the sum that it is shown as, in every network of the tables, done by hand."""

import numpy as np
import pytest
import torch

from alexnet.errors import GeometryError
from alexnet.inspection.layer_trace import trace_layer
from alexnet.inspection.network_layers import network_input, read_layer, weighted_layers
from alexnet.inspection.unit_terms import sum_up
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.model.variants import VARIANTS, switch
from alexnet.records import Preprocessing
from tests.narrow import narrow

CASES = [(name, {}) for name in VARIANTS] + [
    ("seminar", {"activation": "tanh", "dropout_form": "2012", "dropout_place": "after"}),
    ("torchvision", {"pooling": "2/2"}),
]
IMAGE = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)


@pytest.fixture(params=CASES, ids=str)
def classifier(request: pytest.FixtureRequest) -> Classifier:
    name, switches = request.param
    torch.manual_seed(0)
    network = AlexNet(narrow(switch(VARIANTS[name], **switches)), size=96, num_classes=3)
    network.requires_grad_(requires_grad=False)
    for parameter in network.parameters():
        parameter.normal_(std=0.1)  # so that something arrives at the last layer
    return Classifier(
        network.eval(), ("a", "b", "c"), Preprocessing(96, "crop", True, "RGB", (100.0,) * 3, (50.0,) * 3)
    )


def outputs_of(classifier: Classifier) -> dict[str, torch.Tensor]:
    """The output of each layer, one after the other, without hooks."""
    x = classifier.network.first_input(network_input(classifier, IMAGE[None]))
    outputs = {}
    with torch.inference_mode():
        for name, module in classifier.network.named_layers():
            if isinstance(module, torch.nn.Linear):
                x = x.flatten(1)
            x = outputs[name] = module(x.clone())
    return {name: values[0] for name, values in outputs.items()}


def test_a_unit_is_the_sum_of_what_it_reads(classifier: Classifier) -> None:
    network = classifier.network
    outputs = outputs_of(classifier)
    for layer in weighted_layers(network):
        module = network[layer]
        if not isinstance(module, torch.nn.Linear):
            continue
        source = read_layer(network, layer)
        number = module.out_features - 1
        inputs = outputs[network.layer_names[network.layer_names.index(layer) - 1]].flatten()
        weights = module.weight[number].tolist()
        by_hand = sum(x * weight for x, weight in zip(inputs.tolist(), weights, strict=True))
        step = trace_layer(classifier, IMAGE, layer, map=number, row=0, column=0)
        unit = sum_up(step, source, is_maps=outputs[source].ndim == 3, most=5)
        assert unit.value == pytest.approx(by_hand + float(module.bias[number]), rel=1e-5)
        assert unit.layer_value == pytest.approx(float(outputs[layer][number]), rel=1e-3, abs=1e-4)
        assert unit.value == pytest.approx(unit.layer_value, rel=1e-3, abs=1e-4)
        assert unit.positive + unit.negative + unit.bias == pytest.approx(unit.value)
        assert sum(term.contribution for term in unit.terms) + unit.rest + unit.bias == pytest.approx(unit.value)
        shape = outputs[source].shape
        products = (inputs.double() * module.weight[number].double()).reshape(shape)
        by_source = products.reshape(len(products), -1).sum(1)
        assert unit.num_sources == len(by_source)
        for term, expected in zip(unit.terms, by_source.abs().sort(descending=True).values, strict=False):
            assert term.source.layer == source
            assert term.contribution == pytest.approx(float(by_source[term.source.number]))
            assert abs(term.contribution) == pytest.approx(float(expected))
            place = (term.source.number, *(term.place or ()))
            assert (term.place is None) == (len(shape) == 1)
            assert term.product == pytest.approx(float(products[place]))
            assert term.product == pytest.approx(term.input * term.weight)
            assert abs(term.product) == pytest.approx(float(products[term.source.number].abs().max()))


def test_layers_are_read_in_their_order(classifier: Classifier) -> None:
    network = classifier.network
    read = {name: read_layer(network, name) for name in weighted_layers(network)}
    vectors = [name for name in read if isinstance(network[name], torch.nn.Linear)]
    assert read["conv1"] is None
    assert [read[name] for name in vectors[1:]] == vectors[:-1]
    assert read[vectors[0]] == ("avgpool" if "avgpool" in network.layer_names else "pool5")


def test_average_pooling_to_a_size_equals_pytorch() -> None:
    torch.manual_seed(0)
    network = AlexNet(narrow(VARIANTS["torchvision"]), size=160, num_classes=3)
    classifier = Classifier(network, ("a", "b", "c"), Preprocessing(160, "crop", True, "RGB", (0.0,) * 3, (1.0,) * 3))
    image = np.random.default_rng(1).integers(0, 255, (160, 160, 3), dtype=np.uint8)
    for place in ((0, 0, 0), (3, 5, 5), (7, 2, 3)):
        step = trace_layer(classifier, image, "avgpool", map=place[0], row=place[1], column=place[2])
        assert step.kind == "average pooling"
        assert step.value == pytest.approx(step.layer_value, rel=1e-4, abs=1e-6)
    assert "map 7, row 2, column 3: average pooling" in str(step)


def test_what_is_no_fully_connected_layer_is_refused(classifier: Classifier) -> None:
    step = trace_layer(classifier, IMAGE, "conv2", map=0, row=0, column=0)
    with pytest.raises(GeometryError, match="layer conv2: is not fully connected"):
        sum_up(step, "pool1", is_maps=True)
    last = classifier.network.layer_names[-1]
    with pytest.raises(GeometryError, match=f"{last}: has no unit 3; choose 0 to 2"):
        trace_layer(classifier, IMAGE, last, map=3, row=0, column=0)
    step = trace_layer(classifier, IMAGE, last, map=2, row=0, column=0)
    assert f"{last}, unit 2: fully connected\nreads 128 numbers" in str(step)
