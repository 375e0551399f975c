"""Logits without one unit, computed from the difference alone, against the network with the unit switched off."""

import pytest
import torch

from alexnet.inspection import quick_passes
from alexnet.inspection.ablation import ablated
from alexnet.inspection.network_layers import weighted_layers
from alexnet.inspection.recording import recorded
from alexnet.inspection.unit_removal import UnitRemoval
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS, switch
from tests.narrow import narrow

NETWORKS = {name: narrow(spec) for name, spec in VARIANTS.items()} | {
    "in towers": switch(narrow(VARIANTS["caffe"]), towers=True),
    "without LRN": switch(narrow(VARIANTS["caffe"]), lrn="off"),
}
"""Every table, with few kernels."""


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_without_a_unit_equal_those_of_the_whole_network(name: str) -> None:
    network = AlexNet(NETWORKS[name], size=67, num_classes=3).eval()
    initialize(network, "fan_in", seed=0)
    x = 50.0 * torch.randn(2, 3, 67, 67, generator=torch.Generator().manual_seed(0))  # so that LRN matters
    with torch.inference_mode():
        for layer in weighted_layers(network)[:-1]:
            with recorded(network, [layer]) as outputs:
                logits = network(x)
            close = {"rtol": 1e-4, "atol": 1e-5 * float(logits.abs().max())}
            removal = UnitRemoval(network, layer, outputs[layer])
            torch.testing.assert_close(removal.logits(), logits, **close)
            count = len(network[layer].weight)
            for unit, value in ((1, 0.0), (count // 2, 1.5)):
                with ablated(network, {layer: [unit]}, values={layer: torch.full((count,), value)}):
                    expected = network(x)
                torch.testing.assert_close(removal.logits_without(unit, value), expected, **close)
            torch.testing.assert_close(removal.logits(), logits, **close)


def test_classes_equal_those_of_float32_also_where_two_logits_are_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_passes, "has_fast_bfloat16", lambda: True)
    network = AlexNet(NETWORKS["seminar"], size=67, num_classes=3).eval()
    initialize(network, "fan_in", seed=0)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(200, 3, 67, 67, generator=random)
    with torch.inference_mode():
        weight = network["fc8"].weight
        weight[0] = weight[1] + 2e-3 * torch.randn(weight.shape[1], generator=random)
        with recorded(network, ["conv1"]) as outputs:
            logits = network(x)
        network["fc8"].bias[0] -= (logits[:, 0] - logits[:, 1]).mean()
        removal = UnitRemoval(network, "conv1", outputs["conv1"])
        for unit in (0, 11):
            expected = removal.logits_without(unit)
            with quick_passes.in_bfloat16(x):
                rounded = removal.logits_without(unit)
            assert (rounded.argmax(1) != expected.argmax(1)).any(), "rounding alone would change some"
            assert torch.equal(removal.classes_without(unit), expected.argmax(1))
            torch.testing.assert_close(removal.logits_without(unit, rows=torch.tensor([3, 5])), expected[[3, 5]])
