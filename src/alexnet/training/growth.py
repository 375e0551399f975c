"""How long a loss stays at that of guessing before it falls, estimated from the layers' first step."""

import math
from collections.abc import Sequence

from alexnet.training.layer_signal import LayerSignal

__all__ = ["OBSERVED", "steps_until_it_falls"]

OBSERVED = 1 / 3
"""Fraction of the steps of a chain of linear layers after which losses were observed to fall (EXPERIMENTS.md, "The
trainability check": between 0.2 and 0.6)."""


def steps_until_it_falls(layers: Sequence[LayerSignal]) -> float:
    """About how many steps at the peak learning rate it takes until the logits of two images differ by 1.

    Each layer l grows at its relative update r_l, and its input grows with all the others: in a chain of layers whose
    gains multiply, trained by gradient descent,

        d g_l / dt = r_l exp(G - 2 g_l)        G = sum of all g_l        until  v exp(G) = 1

    where g_l is the logarithm of a layer's growth and v the difference of the logits before the first step. The
    growth is slow at first and then sudden, like a loss that stays at ln K and then falls. Steps of Adam and Muon do
    not grow with the gradient, but the part of them that distinguishes images does; for them the law is a rule of
    thumb. `OBSERVED`, measured, sets the scale for both.

    Source: gains of deep linear chains: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120, §2.
    """
    last = layers[-1]
    apart = last.scale * last.variation
    if apart <= 0.0 or not math.isfinite(apart):
        return math.inf
    growth, steps = [0.0] * len(layers), 0.0
    while apart * math.exp(min(sum(growth), 700.0)) < 1.0:
        total = sum(growth)
        speeds = [
            layer.relative_update * math.exp(min(total - 2 * own, 50.0))
            for layer, own in zip(layers, growth, strict=True)
        ]
        fastest = max(speeds)
        if fastest <= 0.0 or steps > 1e12:
            return math.inf
        stride = max(1.0, 0.02 / fastest)
        growth = [own + min(1.0, speed * stride) for own, speed in zip(growth, speeds, strict=True)]
        steps += stride
    return OBSERVED * steps
