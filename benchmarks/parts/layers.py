"""Each layer of the seminar's network, forward and backward, and the fraction of the machine's limit it reaches."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from alexnet.cli.process import keep_freed_memory
from alexnet.presets import PRESETS
from benchmarks.compare import Setting, Way, compare
from benchmarks.measured import Comparison
from benchmarks.ours import OurTraining, training_flop


def measure(setting: Setting) -> list[Comparison]:
    """Every layer alone, on the feature maps of the layers before it."""
    keep_freed_memory()
    training = OurTraining(setting.folder, PRESETS["seminar"])
    job, network = training.job, training.network
    pixels, _ = training.batch(0)
    x = training.augmented(pixels, 0)
    flop = training_flop("seminar", size=96, num_classes=network.num_classes, num_images=len(x))
    ways: dict[str, Way] = {}
    for name, layer in network.named_layers():
        if name == "drop6":
            x = torch.flatten(x, 1)
        run, x, moved = _both_ways(layer, x, job.machine.dtype, first=not ways)
        ways[name] = Way(run, flop=flop.get(name, 0.0), moved=moved, dtype=str(job.machine.dtype)[6:])
    comparison = compare(f"layers, forward and backward, batch of {len(pixels)}", ways, repeats=setting.repeats)
    total = sum(layer.median for layer in comparison.candidates)
    notes = [f"all layers together: {1e3 * total:.0f} ms"]
    costly = sorted(comparison.candidates, key=lambda layer: layer.median, reverse=True)[:4]
    notes.append(", ".join(f"{layer.name} {100 * layer.median / total:.0f} %" for layer in costly))
    return [
        Comparison(
            comparison.title, comparison.candidates, limits=comparison.limits, notes=tuple(notes), charted=False
        )
    ]


def _both_ways(
    layer: nn.Module, x: Tensor, dtype: torch.dtype, *, first: bool
) -> tuple[Callable[[], None], Tensor, float]:
    """A forward and a backward pass, the layer's output, and the smallest number of bytes that must be moved.

    The forward pass reads the input and the weights and writes the output. The backward pass reads the output's
    gradient, the input and the weights, and writes the gradients of input and weights. The first layer's input needs
    no gradient.
    """
    if isinstance(layer, nn.ReLU):
        layer.inplace = False  # alone, it may not overwrite its input; it takes as long
    x = x.detach().requires_grad_(not first)
    autocast = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
    with autocast:
        y = layer(x).detach()
    gradient = torch.ones_like(y)
    weights = sum(parameter.numel() for parameter in layer.parameters())

    def run() -> None:
        x.grad = None
        layer.zero_grad(set_to_none=True)
        with autocast:
            out = layer(x)
        out.backward(gradient)

    return run, y, float(x.element_size() * ((2 if first else 3) * x.numel() + 2 * y.numel() + 3 * weights))
