"""What the machine can do at best: the rate of large products, and of a large copy."""

from typing import Any

import torch

from benchmarks.compare import Setting, Way, compare, copy_probe, product_probe
from benchmarks.measured import Comparison

TOO_SLOW = 1.0
"""Seconds that a small product of bfloat16 may take, scaled up to the large one, for that to be measured."""


def measure(setting: Setting) -> list[Comparison]:
    """float32, bfloat16 (a small one where it is emulated), and memory."""
    side, large = _bfloat16_side(), 2048
    notes = () if side == large else ("bfloat16 is emulated here and a hundred times slower: measured on small ones",)
    products = {f"float32, {large} x {large}": product_probe(torch.float32, large)}
    products[f"bfloat16, {side} x {side}"] = product_probe(torch.bfloat16, side)
    copies = {"copy of 256 MiB, read and written": copy_probe()}
    about: dict[str, Any] = {"repeats": setting.repeats, "charted": False}
    return [
        compare("products of matrices", products, unit="GFLOP/s", notes=notes, **about),
        compare("memory", copies, unit="GB/s", **about),
    ]


def _bfloat16_side(small: int = 256, large: int = 2048) -> int:
    probe = Way(product_probe(torch.bfloat16, small).run)
    seconds = compare("trial", {"small": probe}, repeats=1)["small"].median
    return large if seconds * (large / small) ** 3 < TOO_SLOW else small
