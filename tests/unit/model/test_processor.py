"""Whether products of bfloat16 matrices run in units of their own."""

from pathlib import Path

import pytest
import torch

from alexnet.model import processor
from alexnet.model.processor import LIMITS, multiplies_bfloat16


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, True),
        ("", True),
        ("all", True),
        ("AVX512_CORE_AMX", True),
        ("avx10_1_512_amx_fp16", True),
        ("AVX512_CORE_BF16", False),
        ("avx2", False),
    ],
)
def test_units_that_a_user_forbids_count_as_missing(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: str | None, expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    for other in LIMITS:
        monkeypatch.delenv(other, raising=False)
    if limit is not None:
        monkeypatch.setenv(name, limit)
    assert multiplies_bfloat16() is expected


def test_a_processor_without_units_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert not multiplies_bfloat16()


@pytest.mark.parametrize(("flags", "expected"), [("amx_bf16 amx_tile", True), ("avx2", False), (None, False)])
def test_linux_is_asked_where_torch_does_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str | None, expected: bool
) -> None:
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.setattr(processor, "FACTS", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags}\n", encoding="utf-8")
    assert multiplies_bfloat16() is expected
