"""Which matmuls count as fast, from the CPU's features and the limits that its user sets."""

import platform
from pathlib import Path

import pytest
import torch

from alexnet.layers import cpu_features
from alexnet.layers.cpu_features import LIMITS, has_fast_bfloat16, has_slow_float32_matmul

XEON_WITH_UNITS = "vendor_id : GenuineIntel\nflags : fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile"
XEON_WITHOUT = "vendor_id : GenuineIntel\nflags : fpu avx2 avx512f avx512_bf16"
EPYC = "vendor_id : AuthenticAMD\nflags : fpu avx2 avx512f avx512_bf16"
OLDER_EPYC = "vendor_id : AuthenticAMD\nflags : fpu avx2"


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)


@pytest.fixture
def cpuinfo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file with the CPU's features, to be written by the test."""
    monkeypatch.setattr(cpu_features, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(cpu_features, "_features", cpu_features._features.__wrapped__)
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("has", "bfloat16_is_fast", "float32_is_slow"),
    [(XEON_WITH_UNITS, True, False), (XEON_WITHOUT, False, False), (EPYC, True, True), (OLDER_EPYC, False, False)],
)
def test_features_come_from_cpuinfo(cpuinfo: Path, has: str, bfloat16_is_fast: bool, float32_is_slow: bool) -> None:
    cpuinfo.write_text(f"processor : 0\n{has}\n\nprocessor : 1\n{has}\n", encoding="utf-8")
    assert has_fast_bfloat16() is bfloat16_is_fast
    assert has_slow_float32_matmul() is float32_is_slow


@pytest.mark.parametrize(
    ("maker", "flags", "bfloat16_is_fast", "float32_is_slow"),
    [
        ("GenuineIntel", {"amx_bf16": True, "avx512_f": True}, True, False),
        ("AuthenticAMD", {"avx512_bf16": True, "avx512_f": True, "l1d_cache_size": 49152}, True, True),
        ("AuthenticAMD", {"avx512_bf16": False, "avx512_f": False}, False, False),
    ],
)
def test_features_come_from_torch_without_cpuinfo(
    monkeypatch: pytest.MonkeyPatch,
    cpuinfo: Path,
    maker: str,
    flags: dict[str, int],
    bfloat16_is_fast: bool,
    float32_is_slow: bool,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(platform, "processor", lambda: f"AMD64 Family 26 Model 2 Stepping 1, {maker}")
    assert not cpuinfo.exists()
    assert has_fast_bfloat16() is bfloat16_is_fast
    assert has_slow_float32_matmul() is float32_is_slow


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("has", "limit", "expected"),
    [
        (XEON_WITH_UNITS, "", True),
        (XEON_WITH_UNITS, "all", True),
        (XEON_WITH_UNITS, "AVX512_CORE_AMX", True),
        (XEON_WITH_UNITS, "avx10_1_512_amx_fp16", True),
        (XEON_WITH_UNITS, "AVX512_CORE_BF16", False),
        (XEON_WITH_UNITS, "avx2", False),
        (EPYC, "", True),
        (EPYC, "AVX512_CORE_BF16", True),
        (EPYC, "avx512_core", False),
        (EPYC, "AVX2", False),
    ],
)
def test_forbidden_instructions_count_as_missing(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: Path, name: str, has: str, limit: str, expected: bool
) -> None:
    cpuinfo.write_text(has, encoding="utf-8")
    monkeypatch.setenv(name, limit)
    assert has_fast_bfloat16() is expected


@pytest.mark.parametrize(("limit", "expected"), [("AVX512_CORE", True), ("AVX2", False)])
def test_float32_matmul_is_not_slow_without_avx512(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: Path, limit: str, expected: bool
) -> None:
    cpuinfo.write_text(EPYC, encoding="utf-8")
    monkeypatch.setenv(LIMITS[0], limit)
    assert has_slow_float32_matmul() is expected
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert not has_slow_float32_matmul()
