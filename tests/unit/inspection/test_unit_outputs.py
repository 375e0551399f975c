"""What a unit gives after normalization and activation, and when it is dead: against networks computed by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.inspection.ablation import ablated
from alexnet.inspection.unit_address import UnitAddress, parse_units_and_layers
from alexnet.inspection.unit_outputs import Extremes, is_dead, unit_outputs
from alexnet.model.wrap_network import wrap_network


class Block(nn.Module):
    """A residual block whose sum is made in place in the output of its last normalization."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x
        return self.relu(out)


@pytest.fixture
def resnet() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), Block(6), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    ).eval()  # fmt: skip
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.weight.data, module.bias.data):
                values.normal_()
    return network


X = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def test_outputs_are_followed_through_normalization_and_activation_but_not_through_a_sum(
    resnet: nn.Sequential,
) -> None:
    block = resnet[3]
    with torch.no_grad():
        entering = F.relu(resnet[1](resnet[0](X)))
        inner = F.relu(block.bn1(block.conv1(entering)))
        expected = {"0": entering, "3.conv1": inner, "3.conv2": block.bn2(block.conv2(inner)), "6": resnet(X)}
    for layer, values in expected.items():
        with unit_outputs(resnet, layer) as followed:
            resnet(X)
        (output,) = followed.outputs
        torch.testing.assert_close(output, values)
        kinds = {"0": [nn.BatchNorm2d, nn.ReLU], "3.conv1": [nn.BatchNorm2d, nn.ReLU], "3.conv2": [nn.BatchNorm2d]}
        assert [type(module) for module in followed.modules[0]] == kinds.get(layer, [])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in resnet.modules())


def test_unit_before_batch_normalization_gives_zero_after_it(resnet: nn.Sequential) -> None:
    """As if scale and shift of its normalization were 0; a mean goes through the normalization."""
    mean = torch.full((6,), 0.7)
    for layer, norm in (("0", resnet[1]), ("3.conv1", resnet[3].bn1), ("3.conv2", resnet[3].bn2)):
        with torch.no_grad():
            with ablated(resnet, {layer: [2, 4]}):
                result = resnet(X)
            with ablated(resnet, {layer: [2]}, values={layer: mean}), unit_outputs(resnet, layer) as followed:
                resnet(X)
            kept = norm.weight.clone(), norm.bias.clone()
            by_hand = (0.7 - norm.running_mean[2]) / (norm.running_var[2] + norm.eps).sqrt() * kept[0][2] + kept[1][2]
            norm.weight[[2, 4]], norm.bias[[2, 4]] = 0.0, 0.0
            expected = resnet(X)
            norm.weight.copy_(kept[0])
            norm.bias.copy_(kept[1])
        torch.testing.assert_close(result, expected)
        assert not torch.allclose(result, resnet(X))
        value = by_hand if layer == "3.conv2" else by_hand.clamp(min=0)
        torch.testing.assert_close(followed.outputs[0][:, 2].unique(), value.reshape(1))


ALIVE = {
    "tanh": (nn.Tanh, True), "leaky": (nn.LeakyReLU, True), "elu": (nn.ELU, True), "gelu": (nn.GELU, True),
    "silu": (nn.SiLU, True), "relu": (nn.ReLU, False), "none": (nn.Identity, True),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIVE)
def test_unit_that_is_never_positive_is_dead_only_before_relu(name: str) -> None:
    make, is_alive = ALIVE[name]
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), make(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    with torch.no_grad():
        network[0].bias[1] = -1.0
        network[0].weight[1] *= 0.05
        network[0].weight[2], network[0].bias[2] = 0.0, 0.3  # works for no image
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
    classifier, extremes = wrap_network(network, ["a", "b"], size=16), Extremes()
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.45) / 0.22
    with torch.no_grad():
        assert network[0](x)[:, 1].max() < 0, "it is never positive"
    with unit_outputs(network, "0") as followed:
        network(x)
    extremes.add(followed.outputs[0])
    assert extremes.are_constant.tolist() == [False, not is_alive, True, False]
    for number, expected in enumerate(extremes.are_constant.tolist()):
        largest = float(network[0](x)[:, number].detach().max())
        address = UnitAddress("0", number)
        assert is_dead(classifier, address, [pixels[:2], pixels], maximum=largest) is expected


def test_whole_layers_and_units_are_read_together() -> None:
    assert parse_units_and_layers("conv1/5, conv3,conv1/9,conv3/2") == {"conv1": [5, 9], "conv3": None}
    assert parse_units_and_layers("conv1/5,conv1") == {"conv1": None}
    for text in ("", "conv1/5,,", "conv1/"):
        with pytest.raises(Exception, match="LAYER/NUMBER"):
            parse_units_and_layers(text)
