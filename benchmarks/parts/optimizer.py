"""One update of the seminar network's parameters: the recipes' optimizers and torch's Adam."""

from collections.abc import Callable

import torch

from alexnet.cli.process import keep_freed_memory
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.variants import get_variant
from alexnet.presets import PRESETS
from alexnet.training.machine import choose_machine
from alexnet.training.optimizer import Optimizers
from alexnet.training.schedule import Rates
from benchmarks.compare import Setting, Way, compare
from benchmarks.measured import Comparison

PEER = "torch.optim.Adam"

LIMIT_NOTE = "the limit is the rate of a copy; an update in place can be faster, as its target is in the CPU's cache"


def build() -> tuple[AlexNet, dict[torch.nn.Parameter, torch.Tensor]]:
    """A network and the gradients of its parameters, the same every time."""
    network = AlexNet(get_variant("seminar"), size=96, num_classes=8)
    initialize(network, "fan_in", seed=0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(0)
    gradients = {}
    for parameter in network.parameters():
        gradient = torch.empty_like(parameter)
        gradient.copy_(torch.randn(parameter.shape, generator=generator) * 1e-3)
        gradients[parameter] = gradient
    return network, gradients


def theirs(**options: bool) -> Callable[[], None]:
    """PyTorch's Adam."""
    network, gradients = build()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, **options)  # type: ignore[arg-type]

    def run() -> None:
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        optimizer.step()

    return run


def ours(preset: str) -> Callable[[], None]:
    """A recipe's update at its highest learning rate."""
    network, gradients = build()
    recipe = PRESETS[preset].replace(device="cpu")
    optimizers = Optimizers(network, recipe, dtype=choose_machine(recipe).dtype)

    def run() -> None:
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        optimizers.step(Rates(1.0, 1.0))

    return run


def measure(setting: Setting) -> list[Comparison]:
    """All optimizers, alternating."""
    keep_freed_memory()
    network, _ = build()
    count = sum(parameter.numel() for parameter in network.parameters())
    moved = 7.0 * 4 * count  # weight, gradient and two averages read; weight and averages written
    ways = {
        PEER: Way(theirs(), moved=moved),
        "torch.optim.Adam, fused": Way(theirs(fused=True), moved=moved),
        "ours, seminar (fused Adam)": Way(ours("seminar"), moved=moved),
        "ours, fast (Muon and fused AdamW)": Way(ours("fast"), moved=moved),
    }
    title = f"one update of {count / 1e6:.1f} million parameters"
    return [compare(title, ways, repeats=2 * setting.repeats - 1, peer=PEER, notes=(LIMIT_NOTE,))]
