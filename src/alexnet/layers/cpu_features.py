"""Which matmuls are fast on this CPU, from its maker and its instructions."""

import os
import platform
from functools import cache
from pathlib import Path

import torch

__all__ = ["has_fast_bfloat16", "has_slow_float32_matmul"]

LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables by which a user forbids torch's matmul library (oneDNN) some instructions."""

BELOW_AVX512 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2"}
"""Limits without AVX-512."""

BELOW_BFLOAT16 = BELOW_AVX512 | {"AVX512_CORE", "AVX512_CORE_VNNI"}
"""Limits without bfloat16 matmul."""

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux lists the CPU's features."""


def has_fast_bfloat16() -> bool:
    """Whether bfloat16 matmul is several times as fast as float32 matmul.

    It is with matrix units (AMX), and with AMD's AVX512-BF16 instructions (measured on Zen 5). Intel's AVX512-BF16
    without matrix units is slower than float32 (EXPERIMENTS.md, "bfloat16 without matrix units"). Instructions that
    the user has forbidden count as missing.
    """
    limit, has = _limit(), _features()
    if "amx_bf16" in has and (limit in {"ALL", "DEFAULT"} or "AMX" in limit):
        return True
    return {"AuthenticAMD", "avx512_bf16"} <= has and limit not in BELOW_BFLOAT16


def has_slow_float32_matmul() -> bool:
    """Whether torch's float32 matmul takes two or three times as long as it could.

    It does on AMD CPUs with AVX-512: the library that torch uses for matmul (MKL) does not use AVX-512 there; the
    one for convolutions (oneDNN) does.
    """
    has_both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_both and {"AuthenticAMD", "avx512f"} <= _features() and _limit() not in BELOW_AVX512


def _limit() -> str:
    return next((os.environ[name].upper() for name in LIMITS if os.environ.get(name)), "ALL")


@cache
def _features() -> frozenset[str]:
    """The CPU's maker and instructions by their Linux names; empty where they are unknown (older torch)."""
    try:
        first, _, _ = CPUINFO.read_text(encoding="utf-8").partition("\n\n")
        return frozenset(first.split())
    except OSError:
        flags = {name for name, has in getattr(torch.cpu, "get_capabilities", dict)().items() if has is True}
        names = {"avx512_f": "avx512f"}  # torch's name to Linux's
        return frozenset({names.get(flag, flag) for flag in flags} | set(platform.processor().split()))
