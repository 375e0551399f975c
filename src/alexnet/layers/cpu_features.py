"""Which products are fast, by what the CPU says that it is."""

import os
import platform
from functools import cache
from pathlib import Path

import torch

__all__ = ["has_fast_bfloat16", "has_slow_float32_matmul"]

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables by which a user forbids torch's library of products (oneDNN) some instructions."""

BELOW_AVX512 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"}
"""Limits without AVX-512."""

BELOW_BFLOAT16 = BELOW_AVX512 | {"AVX512_CORE", "AVX512_CORE_VNNI"}
"""Limits without products of bfloat16."""

FACTS = Path("/proc/cpuinfo")
"""Where Linux says what the CPU has."""


def has_fast_bfloat16() -> bool:
    """Whether products of bfloat16 matrices are several times as fast as those of float32.

    They are in matrix units (AMX), and by AMD's instructions for them (AVX512-BF16; measured on Zen 5). Intel's
    instructions without the units are slower than float32 (EXPERIMENTS.md, "bfloat16 without matrix units"). What the
    user has forbidden counts as missing.
    """
    limit, has = _limit(), _features()
    if "amx_bf16" in has and (limit in {"ALL", "DEFAULT"} or "AMX" in limit):
        return True
    return {"AuthenticAMD", "avx512_bf16"} <= has and limit not in BELOW_BFLOAT16


def has_slow_float32_matmul() -> bool:
    """Whether torch's products of float32 matrices take twice or three times as long as they could.

    On AMD's CPUs with AVX-512 they do, since the library that torch takes for them (MKL) does not use it there;
    the one for convolutions (oneDNN) does.
    """
    has_both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_both and {"AuthenticAMD", "avx512f"} <= _features() and _limit() not in BELOW_AVX512


def _limit() -> str:
    return next((os.environ[name].upper() for name in LIMITS if os.environ.get(name)), "ALL")


@cache
def _features() -> frozenset[str]:
    """The CPU's maker and instructions, named as Linux names them; none where nobody says (older torch)."""
    try:
        first, _, _ = FACTS.read_text(encoding="utf-8").partition("\n\n")
        return frozenset(first.split())
    except OSError:
        flags = {name for name, has in getattr(torch.cpu, "get_capabilities", dict)().items() if has is True}
        names = {"avx512_f": "avx512f"}  # torch's to Linux's
        return frozenset({names.get(flag, flag) for flag in flags} | set(platform.processor().split()))
