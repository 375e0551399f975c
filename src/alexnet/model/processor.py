"""What the processor has units for."""

import os
from pathlib import Path

import torch

__all__ = ["multiplies_bfloat16"]

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables by which a user forbids torch's library of products (oneDNN) some instructions."""

FACTS = Path("/proc/cpuinfo")
"""Where Linux says what the processor has."""


def multiplies_bfloat16() -> bool:
    """Whether products of bfloat16 matrices run in units of their own (AMX).

    The processor must have them, asked of torch, or of Linux where torch does not say, and the user must not have
    forbidden them.
    """
    allowed = next((os.environ[name].upper() for name in LIMITS if os.environ.get(name)), "ALL")
    return (allowed in {"ALL", "DEFAULT"} or "AMX" in allowed) and _has_amx()


def _has_amx() -> bool:
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    if ask is not None:
        return bool(ask())
    try:
        return "amx_bf16" in FACTS.read_text(encoding="utf-8")
    except OSError:
        return False
