"""The benchmark suite's own arithmetic and order; nothing here is timed."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[3]))  # the benchmarks lie beside the package, not in it

from alexnet.data.folder import scan_folder
from alexnet.presets import PRESETS
from alexnet.run_folder import RunFolder
from alexnet.training.events import Event, Stepped, ignore
from alexnet.training.loop import fit
from alexnet.training.preparation import prepare
from benchmarks import __main__ as suite
from benchmarks import parts
from benchmarks.alternate import alternate
from benchmarks.chart import chart_rows, draw_chart
from benchmarks.compare import Setting, Way, compare, copy_probe, matmul_probe
from benchmarks.images import draw_small, subset
from benchmarks.machine import cpu_facts, describe
from benchmarks.measured import Candidate, Comparison, Limits, PartResult, quartiles
from benchmarks.ours import OurTraining, training_flop
from benchmarks.parts.accuracy import levels, seconds_to
from benchmarks.run_part import read_setting, setting_values
from benchmarks.terminal import comparison_lines


class Clock:
    """Seconds that only the candidates move on."""

    def __init__(self) -> None:
        self.now, self.calls = 0.0, []

    def candidate(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            self.now += seconds

        return run

    def __call__(self) -> float:
        return self.now


def some_comparison() -> Comparison:
    candidates = (
        Candidate("peer", (2.0, 4.0, 3.0, 5.0, 1.0), work=100.0),
        Candidate("ours", (1.0, 1.0, 1.5, 2.0, 4.0), work=100.0, flop=3e9),
    )
    return Comparison("a step", candidates, "images/s", "peer", Limits({"float32": 4e9}, 1e9), ("a note",))


def test_path_that_is_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        suite.parse_arguments([str(tmp_path / "nowhere")])
    assert ended.value.code == 2
    assert "nowhere: is not a folder" in capsys.readouterr().err


def test_candidates_take_turns_after_one_warm_up_of_each() -> None:
    clock = Clock()
    runs = {"a": clock.candidate("a", 1.0), "b": clock.candidate("b", 2.0)}
    seconds = alternate(runs, repeats=3, clock=clock, between=lambda: clock.calls.append("."))
    assert "".join(clock.calls) == ".a.b" * 4
    assert seconds == {"a": [1.0] * 3, "b": [2.0] * 3}


def test_a_slow_candidate_is_warmed_up_and_measured_once() -> None:
    clock = Clock()
    runs = {"slow": clock.candidate("s", 9.0), "quick": clock.candidate("q", 1.0)}
    seconds = alternate(runs, repeats=3, slowest=5.0, clock=clock, between=lambda: None)
    assert "".join(clock.calls) == "sqsqqq"
    assert seconds == {"slow": [9.0], "quick": [1.0] * 3}


def test_time_between_turns_is_not_counted() -> None:
    clock = Clock()

    def rest() -> None:
        clock.now += 100.0

    assert alternate({"a": clock.candidate("a", 1.0)}, repeats=2, clock=clock, between=rest) == {"a": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((5.0, 1.0, 4.0, 2.0, 3.0), (2.0, 3.0, 4.0)),
        ((1.0, 2.0, 3.0, 4.0), (1.75, 2.5, 3.25)),
        ((7.0,), (7.0, 7.0, 7.0)),
        ((1.0, math.inf, 2.0), (1.0, 2.0, math.inf)),
    ],
)
def test_quartiles_of_numbers_by_hand(values: tuple[float, ...], expected: tuple[float, float, float]) -> None:
    assert quartiles(values) == expected


def test_a_ratio_above_one_is_faster_and_counts_the_same_work() -> None:
    comparison = some_comparison()
    assert comparison.ratio(comparison["ours"]) == 3.0 / 1.5
    assert comparison.ratio(comparison["peer"]) == 1.0
    assert comparison.ratio_range(comparison["ours"]) == (3.0 / 2.0, 3.0 / 1.0)
    twice = Comparison("", (Candidate("peer", (3.0,)), Candidate("ours", (3.0,), work=2.0)), "images/s", "peer")
    assert twice.ratio(twice["ours"]) == 2.0


def test_units_and_fraction_of_the_limit() -> None:
    comparison = some_comparison()
    assert comparison.shown(0.5, work=100.0) == 200.0
    assert comparison.fraction_of_limit(comparison["ours"]) == 3e9 / 4e9 / 1.5
    assert comparison.fraction_of_limit(comparison["peer"]) is None
    assert Comparison("", (), "µs/image").shown(2.0, work=1000.0) == pytest.approx(2000.0)


def test_compare_measures_the_limits_in_the_same_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.compare.matmul_probe", lambda dtype: matmul_probe(dtype, 8))
    monkeypatch.setattr("benchmarks.compare.copy_probe", lambda: copy_probe(4096))
    comparison = compare("matmul", {"ours": Way(lambda: None, flop=1.0)}, repeats=1)
    assert comparison.limits is not None
    assert comparison.limits.flops["float32"] > 0.0
    assert comparison.limits.bytes_per_second > 0.0
    assert [candidate.name for candidate in comparison.candidates] == ["ours"]


def test_json_holds_the_machine_and_every_value(tmp_path: Path) -> None:
    results = [PartResult("step", [some_comparison()], seconds=1.5), PartResult("keras", missing="not installed")]
    suite.write_json(tmp_path / "out" / "a.json", describe(seed=3), results)
    values = json.loads((tmp_path / "out" / "a.json").read_text(encoding="utf-8"))
    assert {"cpu", "flags", "cores", "versions", "commit", "seed", "torch"} <= set(values["machine"])
    assert set(values["machine"]["flags"]) == {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}
    ours = values["parts"][0]["comparisons"][0]["candidates"][1]
    assert ours["seconds"] == [1.0, 1.0, 1.5, 2.0, 4.0]
    assert (ours["median"], ours["quartiles"], ours["ratio_to_peer"]) == (1.5, [1.0, 2.0], 2.0)
    assert [PartResult.from_dict(part) for part in values["parts"]] == results


def test_level_that_was_never_reached_is_null_in_json() -> None:
    comparison = Comparison("time to 94 %", (Candidate("ours", (math.inf,)),), "s")
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    assert '"seconds": [null]' in text
    assert Comparison.from_dict(json.loads(text)) == comparison
    assert "never" in comparison_lines(comparison)[1]


def test_the_chart_is_a_png_with_a_bar_for_all_but_the_peer(tmp_path: Path) -> None:
    results = [PartResult("step", [some_comparison()])]
    assert [(row.label, row.ratio) for row in chart_rows(results)][1:] == [("ours", 2.0)]
    assert draw_chart(results, "a machine", tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as image:
        assert image.format == "PNG"
    assert not draw_chart([PartResult("keras", missing="not installed")], "", tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_cpu_facts_are_read_from_the_first_cpu(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name\t: A 9\nflags\t: fpu avx2\n\nmodel name\t: B\n", encoding="utf-8")
    assert cpu_facts(tmp_path / "cpuinfo") == ("A 9", frozenset({"fpu", "avx2"}))
    assert cpu_facts(tmp_path / "missing") == ("", frozenset())


def test_setting_survives_json(tmp_path: Path) -> None:
    setting = Setting(tmp_path, tmp_path / "a", tmp_path / "b", tmp_path / "c", 2, (7,), (10, 20), ("seminar",))
    assert read_setting(json.loads(json.dumps(setting_values(setting)))) == setting


def test_every_part_has_its_module() -> None:
    folder = Path(parts.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == {*parts.DEFAULT, *parts.LONG}


def test_a_level_is_reached_at_the_first_epoch_that_passes_it() -> None:
    epochs = [(10.0, 0.85), (20.0, 0.92), (30.0, 0.91), (40.0, 0.95)]
    assert [seconds_to(epochs, level) for level in (90, 92, 94, 96)] == [20.0, 20.0, 40.0, math.inf]


def test_seminar_preset_adds_its_median_final_accuracy_as_a_level() -> None:
    rows = [{"side": "seminar", "epochs": [(10.0, 0.5), (20.0, end)]} for end in (0.75, 0.875, 0.25)]
    fast = {"side": "fast", "epochs": [(5.0, 0.7), (9.0, 0.75), (12.0, 1.0)]}
    assert levels([fast]) == [90, 92, 94]
    assert levels([*rows, fast]) == [90, 92, 94, 75.0]
    assert seconds_to(fast["epochs"], 75.0) == 9.0


def test_operations_are_those_of_the_table() -> None:
    flop = training_flop("seminar", size=96, num_classes=8, num_images=2)
    conv1, conv2 = 22 * 22 * 96 * 3 * 11 * 11, 10 * 10 * 256 * 96 * 5 * 5
    assert flop["conv1"] == 2 * 2 * conv1 * 2  # its input needs no gradient
    assert flop["conv2"] == 2 * 3 * conv2 * 2


class EnoughError(Exception):
    """Raised to leave a training that has reported enough."""


@pytest.mark.slow
def test_measured_step_equals_the_step_of_the_library(tmp_path: Path) -> None:
    folder = subset(draw_small(tmp_path / "drawn", 20), tmp_path / "links", num_train=16, num_test=4)
    assert len(scan_folder(folder).files) == 16 + 4
    recipe = PRESETS["seminar"].replace(size=67, batch_size=8, epochs=1, validation_fraction=0.0)
    library: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Stepped):
            library.append(event.record.loss)
            if len(library) == 2:
                raise EnoughError

    job, _ = prepare(scan_folder(folder), recipe, ignore)
    with pytest.raises(EnoughError):
        fit(job, RunFolder.create(tmp_path / "run"), hear)
    ours = OurTraining(folder, recipe)
    np.testing.assert_allclose([ours.step(), ours.step()], library, rtol=1e-6)
