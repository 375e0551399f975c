"""Limits of the machine: the rate of a large matmul, and of a large copy."""

from typing import Any

import torch

from benchmarks.compare import Setting, Way, compare, copy_probe, matmul_probe
from benchmarks.measured import Comparison

TOO_SLOW = 1.0
"""The large bfloat16 matmul is measured if a small one predicts fewer seconds than this."""


def measure(setting: Setting) -> list[Comparison]:
    """Matmuls in float32 and bfloat16 (a small one if it is emulated), and memory."""
    side, large = _bfloat16_side(), 2048
    notes = (
        () if side == large else ("this CPU emulates bfloat16, a hundred times slower: measured on small matrices",)
    )
    matmuls = {f"float32, {large} x {large}": matmul_probe(torch.float32, large)}
    matmuls[f"bfloat16, {side} x {side}"] = matmul_probe(torch.bfloat16, side)
    copies = {"copy of 256 MiB, bytes read and written": copy_probe()}
    about: dict[str, Any] = {"repeats": setting.repeats, "charted": False}
    return [
        compare("matmul", matmuls, unit="GFLOP/s", notes=notes, **about),
        compare("memory", copies, unit="GB/s", **about),
    ]


def _bfloat16_side(small: int = 256, large: int = 2048) -> int:
    probe = Way(matmul_probe(torch.bfloat16, small).run)
    seconds = compare("trial", {"small": probe}, repeats=1)["small"].median
    return large if seconds * (large / small) ** 3 < TOO_SLOW else small
