"""Every part of the benchmarks runs, at a size at which its numbers mean nothing."""

import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))  # the benchmarks lie beside the package, not in it

from alexnet.presets import PRESETS
from benchmarks import __main__ as suite
from benchmarks import compare, parts
from benchmarks.compare import Setting, copy_probe, matmul_probe
from benchmarks.images import draw_small, subset
from benchmarks.measured import PartResult
from benchmarks.run_part import run_part

SMALLEST: dict[str, dict[str, Any]] = {
    "cache": {"BATCHES": 1},
    "convolution": {"SIDES": (3,)},
    "decode": {"NUM_IMAGES": 16, "PHOTOGRAPHS": {(64, 48): 16}},
    "epoch": {"NUM_IMAGES": 32},
    "lrn": {"SHAPES": ((2, 8, 4, 4),)},
    "memory": {"STEPS": 1},
    "overlap": {"WIDTH": 64, "HEIGHT": 48, "NUM_IMAGES": 16, "NUM_STEPS": 1},
    "step": {"STEPS": 1},
    "torchvision": {"SIZE": 67, "BATCH": 4, "STEPS": 1},
    "tricks": {"BATCH": 2},
}
"""Part → its constants that decide how long it takes."""

IN_PROCESS = sorted({*parts.DEFAULT} - {"keras", "memory", "start"})
"""Parts that measure in this process, of what is installed."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images enough for two batches of eight and a validation set."""
    folder = tmp_path_factory.mktemp("drawn")
    return subset(draw_small(folder / "files", 40), folder / "links", num_train=32, num_test=8)


@pytest.fixture
def setting(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """One round on small batches of a narrow network, and small limits of the machine."""
    monkeypatch.setattr(compare, "matmul_probe", lambda dtype, side=8: matmul_probe(dtype, min(side, 8)))
    monkeypatch.setattr(compare, "copy_probe", lambda: copy_probe(4096))
    for name in ("seminar", "fast"):
        monkeypatch.setitem(PRESETS, name, PRESETS[name].replace(variant="narrow", batch_size=8, epochs=1))
    (tmp_path / "scratch").mkdir()
    return Setting(drawn, tmp_path / "scratch", drawn, tmp_path / "out", repeats=1, seeds=(0,), counts=(40,))


def measured(name: str, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> PartResult:
    """The result of a part at its smallest size."""
    module = import_module(f"benchmarks.parts.{name}")
    for constant, value in SMALLEST.get(name, {}).items():
        monkeypatch.setattr(module, constant, value)
    return run_part(name, setting)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_PROCESS)
def test_part_measures_every_candidate(name: str, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(name, setting, monkeypatch)
    assert not result.missing
    assert result.comparisons
    for comparison in result.comparisons:
        assert comparison.candidates
        assert all(0.0 < candidate.median < math.inf for candidate in comparison.candidates), comparison.title


def test_part_whose_peer_is_missing_names_it(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    result = measured("keras", setting, monkeypatch)
    assert result.missing.startswith("Keras is not installed (python -m pip install keras)")
    assert result.comparisons == []


@pytest.mark.slow
def test_suite_prints_tables_and_writes_values_and_chart(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suite.main([str(drawn), "--parts", "lrn", "--repeats", "1", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "== lrn" in shown
    assert "x nn.LocalResponseNorm, float32" in shown
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".png"]


def test_part_that_fails_is_reported_and_the_exit_code_is_1(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        suite, "run_apart", lambda name, *_: PartResult(name, missing="failed with code 9; see above")
    )
    assert suite.main([str(drawn), "--parts", "lrn", "limits", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().out.count("failed with code 9") == 2
