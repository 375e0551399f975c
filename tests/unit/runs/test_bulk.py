"""Bulk predictions: the same as one by one, written as they come, sorted, flagged; folders, archives and patterns."""

import csv
import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import alexnet
from alexnet.errors import DataError
from alexnet.evaluation import predict as predict_module
from alexnet.runs.bulk import LOW_MARGIN, predict_many
from alexnet.runs.run import Run
from tests.conftest import draw_stripes

Command = Callable[..., tuple[int, str, str]]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_are_the_predictions_of_single_calls(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    result = predict_many(narrow_run, image_folder / "test", out=tmp_path / "p.csv")
    expected = alexnet.predict(narrow_run, image_folder / "test")
    rows = _rows(tmp_path / "p.csv")
    assert [(row["file"], row["predicted"]) for row in rows] == [(p.file, p.predicted) for p in expected]
    assert [float(row["probability"]) for row in rows] == [p.probability for p in expected]
    low = sum(p.margin < LOW_MARGIN for p in expected)
    assert result.flagged["low margin"] == low == sum("low margin" in row["flags"] for row in rows)
    assert (result.num_images, sum(result.counts.values()), result.unreadable) == (21, 21, 0)


def test_folders_archives_and_patterns_give_the_same(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", image_folder / "test")
    outs = []
    for place, images in enumerate(
        (image_folder / "test", Path(archive), str(image_folder / "test" / "*" / "*.png"))
    ):
        predict_many(narrow_run, images, out=tmp_path / f"{place}.jsonl")
        lines = (tmp_path / f"{place}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        outs.append([(Path(row["file"]).name, row["predicted"], row["margin"]) for row in rows])
    assert outs[0] == outs[1] == outs[2]


def test_copies_lie_in_the_folders_of_their_classes(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "tar", image_folder / "test"))
    predict_many(narrow_run, [image_folder / "test", archive], out=tmp_path / "p.csv", sort_into=tmp_path / "sorted")
    copies = [path for path in (tmp_path / "sorted").rglob("*") if path.is_file()]
    assert len(copies) == 42
    for row in _rows(tmp_path / "p.csv"):
        name = Path(row["file"]).name
        original = next((image_folder / "test").rglob(name))
        for copy in (name, f"2-{name}"):
            assert (tmp_path / "sorted" / row["predicted"] / copy).read_bytes() == original.read_bytes()


def test_images_unlike_the_training_images_are_flagged(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    result = predict_many(narrow_run, image_folder / "test", out=tmp_path / "p.csv", compare=True)
    by_call = {s.file: s for s in alexnet.neighbours(narrow_run, sorted((image_folder / "test").rglob("*.png")))}
    for row in _rows(tmp_path / "p.csv"):
        assert ("neighbors disagree" in row["flags"]) == by_call[row["file"]].disagree
    assert result.flagged["far from all training images"] <= 5


def test_unreadable_files_are_rows_with_a_reason(narrow_run: Run, tmp_path: Path, run_command: Command) -> None:
    draw_stripes(0, 1).save(tmp_path / '=good,".png')
    (tmp_path / "bad.png").write_bytes(b"nothing")
    code, out, err = run_command("predict", narrow_run.path, tmp_path, "-o", tmp_path / "p.csv", "--json")
    assert (code, json.loads(out)["unreadable"]) == (2, 1)
    assert "1 file cannot be used" in err
    assert sorted(bool(row["error"]) for row in _rows(tmp_path / "p.csv")) == [False, True]


def test_what_was_written_before_an_interrupt_stays(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_module, "BATCH", 4)

    def stop(done: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_many(narrow_run, image_folder / "test", out=tmp_path / "p.csv", on_progress=stop)
    assert len(_rows(tmp_path / "p.csv")) == 8


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_module, "BATCH", 8)
    peaks = []
    for times in (4, 16):
        tracemalloc.start()
        predict_many(narrow_run, [image_folder / "test"] * times, out=tmp_path / "p.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_errors_say_what_to_do(narrow_run: Run, tmp_path: Path, run_command: Command) -> None:
    with pytest.raises(DataError, match=r"written as \.csv or \.jsonl"):
        predict_many(narrow_run, tmp_path, out=tmp_path / "p.xls")
    with pytest.raises(DataError, match="no image matches this pattern"):
        predict_many(narrow_run, str(tmp_path / "*.jpg"))
    code, _, err = run_command("predict", narrow_run.path, tmp_path, "--compare")
    assert code == 2 and "--compare goes with --out or --sort-into" in err
