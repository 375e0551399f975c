"""A network without some of its units, against weights set to zero by hand."""

import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.inspection.ablation import ablated
from alexnet.inspection.unit_address import parse_units
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS


@pytest.fixture
def network() -> AlexNet:
    result = AlexNet(VARIANTS["narrow"], size=67, num_classes=3).eval()
    initialize(result, "fan_in", seed=0)
    return result


@pytest.mark.parametrize("layer", ["conv1", "conv4", "fc7"])
def test_unit_taken_away_equals_weights_and_bias_set_to_zero(network: AlexNet, layer: str) -> None:
    x = torch.randn(2, 3, 67, 67, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = network(x)
        with ablated(network, {layer: [1, 3]}):
            result = network(x)
        assert torch.equal(network(x), before), "the hooks are gone"
        for number in (1, 3):
            network[layer].weight[number].zero_()
            network[layer].bias[number].zero_()
        expected = network(x)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    assert not torch.equal(result, before)


def test_unit_may_give_a_fixed_value_in_any_module() -> None:
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten())
    values = {"0": torch.tensor([1.0, 2.0, 3.0])}
    with torch.no_grad(), ablated(module, {"0": [0, 2]}, values=values):
        maps = module[0](torch.randn(2, 1, 5, 5))
    assert (maps[:, 0] == 1.0).all()
    assert (maps[:, 2] == 3.0).all()
    assert not (maps[:, 1] == 2.0).any()


def test_everything_is_as_before_also_after_a_crash_inside(network: AlexNet) -> None:
    network.train()
    with pytest.raises(ZeroDivisionError), ablated(network, {"conv1": [0]}):
        raise ZeroDivisionError
    assert network.training
    assert not network["conv1"]._forward_hooks
    with pytest.raises(GeometryError, match="conv1/24: conv1 has units 0 to 23"), ablated(network, {"conv1": [24]}):
        pass
    assert not network["conv1"]._forward_hooks


def test_addresses_that_are_none_are_refused(network: AlexNet) -> None:
    for text in ("conv1", "conv1/x", "/3"):
        with pytest.raises(GeometryError, match="LAYER/NUMBER"):
            parse_units(text)
    with pytest.raises(GeometryError, match="pool1: has no units"), ablated(network, {"pool1": [0]}):
        pass
