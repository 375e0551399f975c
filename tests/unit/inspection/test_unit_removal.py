"""Logits without one unit, computed from the difference alone, against the network with the unit switched off."""

import pytest
import torch

from alexnet.inspection.ablation import ablated
from alexnet.inspection.network_layers import weighted_layers
from alexnet.inspection.recording import recorded
from alexnet.inspection.unit_removal import UnitRemoval
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import VARIANTS, switch
from tests.conftest import narrow

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
