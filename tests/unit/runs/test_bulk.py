"""Bulk predictions: the same as one by one, written as they come, sorted, flagged; folders, archives and patterns."""

import csv
import json
import shutil
import signal
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import alexnet
import alexnet.cli.progress
import alexnet.runs.bulk
from alexnet.errors import DataError, GeometryError
from alexnet.evaluation import predict as predict_module
from alexnet.runs.bulk import LOW_MARGIN, predict_many
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run
from tests.conftest import draw_stripes, encode
from tests.kills import fill_disk, in_child, kill

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
    flagged = {name: count for name, count in result.flagged.items() if count}
    assert list(flagged) == ["low margin"]
    for axes, numbers in zip(result.draw().axes, (result.counts, flagged), strict=True):
        assert [label.get_text() for label in axes.get_yticklabels()] == list(numbers)
        assert [bar.get_width() for bar in axes.patches] == list(numbers.values())


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
    images, sorted_into = [image_folder / "test", archive], tmp_path / "sorted"
    result = predict_many(narrow_run, images, out=tmp_path / "p.csv", sort_into=sorted_into)
    assert result.num_in_place == 21 == len(_files(sorted_into))  # those of the archive are the same
    for row in _rows(tmp_path / "p.csv"):
        name = Path(row["file"]).name
        original = next((image_folder / "test").rglob(name))
        assert (sorted_into / row["predicted"] / name).read_bytes() == original.read_bytes()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_sorting_once_more_copies_nothing_again(
    narrow_run: Run, image_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    for number in range(3):  # three images of one name, and one whose name is that of a numbered copy
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "x.png").write_bytes(encode(draw_stripes(0, 1), "PNG") + b"%d" % number)
    (tmp_path / "3-x.png").write_bytes(encode(draw_stripes(0, 1), "PNG") + b"another")
    images = [*(tmp_path / str(number) for number in range(2)), tmp_path / "3-x.png", tmp_path / "2"]
    words = ("predict", narrow_run.path, image_folder / "test", *images, "--sort-into", tmp_path / "sorted", "--json")
    code, out, err = run_command(*words)
    first = {path: path.read_bytes() for path in _files(tmp_path / "sorted")}
    assert (code, json.loads(out)["num_in_place"], len(first), "already" in err) == (0, 0, 25, False)
    assert {path.name for path in first if "x" in path.name} == {"x.png", "2-x.png", "3-x.png", "4-x.png"}
    code, out, err = run_command(*words)
    assert (code, json.loads(out)["num_in_place"]) == (0, 25)
    assert "25 images lay in the folders of their classes" in err
    assert first == {path: path.read_bytes() for path in _files(tmp_path / "sorted")}


def test_images_unlike_the_training_images_are_flagged(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    result = predict_many(narrow_run, image_folder / "test", out=tmp_path / "p.csv", compare=True)
    by_call = {s.file: s for s in alexnet.neighbours(narrow_run, sorted((image_folder / "test").rglob("*.png")))}
    for row in _rows(tmp_path / "p.csv"):
        assert ("neighbors disagree" in row["flags"]) == by_call[row["file"]].disagree
    assert result.flagged["far from all training images"] <= 5


def test_unreadable_files_are_rows_with_a_reason(narrow_run: Run, tmp_path: Path, run_command: Command) -> None:
    draw_stripes(0, 1).save(tmp_path / '=good,".png')
    (tmp_path / "bad.png").write_bytes(b"nothing")
    code, out, err = run_command(
        "predict", narrow_run.path, tmp_path, "-o", tmp_path / "p.csv", "--figure", tmp_path / "p.svg", "--json"
    )
    assert (code, json.loads(out)["unreadable"]) == (2, 1)
    assert "<svg" in (tmp_path / "p.svg").read_text(encoding="utf-8")
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


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_same_call_goes_on_after_an_interrupt(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(predict_module, "BATCH", 4)
    (bad := tmp_path / "0-bad.png").write_bytes(b"nothing")
    out, sorted_into = tmp_path / f"p.{ending}", tmp_path / "sorted"
    images = [bad, image_folder / "test", image_folder / "test" / "down"]  # some are given twice

    def predict(**more: object) -> alexnet.runs.bulk.BulkPredictions:
        return predict_many(narrow_run, images, out=out, sort_into=sorted_into, **more)  # type: ignore[arg-type]

    def stop(done: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    expected = predict()
    whole = _names_and_classes(out)
    copies = sorted(path.relative_to(sorted_into) for path in sorted_into.rglob("*.png"))
    shutil.rmtree(sorted_into)
    with pytest.raises(KeyboardInterrupt):
        predict(on_progress=stop)
    with out.open("ab") as file:
        file.write(b'{"file": "half')
    result = predict()
    assert result.num_kept == 11  # the last row is computed again, because its copy may not have been made
    assert (result.num_images, result.counts, result.flagged) == (28, expected.counts, expected.flagged)
    assert (result.unreadable, expected.num_kept) == (1, 0)
    assert _names_and_classes(out) == whole
    assert sorted(path.relative_to(sorted_into) for path in sorted_into.rglob("*.png")) == copies
    assert not list(tmp_path.glob("*.unfinished"))
    assert predict().num_kept == 0  # a finished file is written anew


def _names_and_classes(path: Path) -> list[tuple[str, str]]:
    rows = _rows(path) if path.suffix == ".csv" else map(json.loads, path.read_text().splitlines())
    return sorted((row["file"], row.get("predicted") or "") for row in rows)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_full_disk_or_a_kill_leaves_no_half_of_a_copy(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    images, out, sorted_into = image_folder / "test", tmp_path / "p.csv", tmp_path / "sorted"
    write, written = Path.write_bytes, []

    def half(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) < 9:
            return write(path, data)
        write(path, data[: len(data) // 2])
        return kill() if is_killed else fill_disk()  # type: ignore[func-returns-value]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        status = in_child(lambda: predict_many(narrow_run, images, out=out, sort_into=sorted_into))
    assert status == (-signal.SIGKILL if is_killed else 2)
    predict_many(narrow_run, images, out=out, sort_into=sorted_into)
    copies = sorted(path.read_bytes() for path in sorted_into.rglob("*.png"))
    assert copies == sorted(path.read_bytes() for path in images.rglob("*.png"))


def test_another_call_starts_the_file_anew(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    for more in ({"images": image_folder / "test" / "down"}, {"images": image_folder / "test", "neighbours": 2}):
        with pytest.raises(KeyboardInterrupt):
            predict_many(narrow_run, image_folder / "test", out=tmp_path / "p.csv", on_progress=stop)
        result = predict_many(narrow_run, out=tmp_path / "p.csv", **more)
        assert (result.num_kept, len(_rows(tmp_path / "p.csv"))) == (0, result.num_images)


def test_command_says_how_many_rows_were_there(
    narrow_run: Run, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Command
) -> None:
    monkeypatch.setattr(predict_module, "BATCH", 4)
    words = ("predict", narrow_run.path, image_folder / "test", "--out", tmp_path / "p.csv")
    count = alexnet.cli.progress.ProgressDisplay.count

    def stop(self: object, what: str) -> Callable[[int, int], None]:
        def show(done: int, total: int) -> None:
            if done >= 8:
                raise KeyboardInterrupt

        return show

    monkeypatch.setattr("alexnet.cli.progress.ProgressDisplay.count", stop)
    assert run_command(*words)[0] == 130
    monkeypatch.setattr("alexnet.cli.progress.ProgressDisplay.count", count)
    code, _, err = run_command(*words)
    assert (code, f"8 files had rows in {tmp_path / 'p.csv'} already, and were skipped" in err) == (0, True)
    assert len(_rows(tmp_path / "p.csv")) == 21


def test_many_namesakes_are_copied_without_trying_every_number(
    narrow_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "same.png").write_bytes(encode(draw_stripes(0, 1), "PNG") + b"%d" % number)
    images, tried = [tmp_path / str(number) for number in range(60)], list[Path]()
    exists = Path.exists

    def count(path: Path, **options: bool) -> bool:
        tried.append(path)
        return exists(path, **options)

    monkeypatch.setattr("pathlib.Path.exists", count)
    predict_many(narrow_run, images, sort_into=tmp_path / "sorted")
    assert len(list((tmp_path / "sorted").rglob("*.png"))) == 60
    assert len([path for path in tried if path.name.endswith("same.png")]) < 4 * 60


def test_nearest_images_are_those_of_a_distance_matrix(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    folder = image_folder / "test"
    predict_many(narrow_run, folder, out=tmp_path / "p.csv", neighbours=3)
    predict_many(narrow_run, folder, out=tmp_path / "p.jsonl", neighbours=3)
    rows = _rows(tmp_path / "p.csv")
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    table = alexnet.features(narrow_run)
    train = [row for row, name in enumerate(table.files) if name in _trained_on(narrow_run)]
    matrix = np.linalg.norm(table.values[:, None].astype(float) - table.values[train][None], axis=2)
    for prediction, row, line in zip(alexnet.predict(narrow_run, folder, neighbours=3), rows, lines, strict=True):
        distances = matrix[table.files.index(Path(prediction.file).relative_to(image_folder).as_posix())]
        order = np.argsort(distances, kind="stable")[:3]
        assert prediction.neighbours is not None
        assert [near.file for near in prediction.neighbours] == [table.files[train[place]] for place in order]
        assert [near.label for near in prediction.neighbours] == [table.labels[train[place]] for place in order]
        assert [near.distance for near in prediction.neighbours] == pytest.approx(distances[order], rel=1e-4)
        assert line["neighbours"] == prediction.to_dict()["neighbours"]
        near = line["neighbours"][2]
        cells = [row[name] for name in ("nearest_3", "nearest_label_3", "nearest_distance_3")]
        assert cells == [near["file"], near["label"], repr(near["distance"])]


def _trained_on(run: Run) -> set[str]:
    images = decode_own_images(run)
    return {images.files[row].entry.name for row in own_split(run, images).train.indices}


def test_a_training_image_is_not_its_own_neighbor(narrow_run: Run, image_folder: Path) -> None:
    archive_or_folder = image_folder / "train" / "down"
    for prediction in alexnet.predict(narrow_run, archive_or_folder, neighbours=1):
        (near,) = prediction.neighbours or ()
        assert not prediction.file.endswith(near.file)


def test_neighbors_are_listed_by_the_command(narrow_run: Run, image_folder: Path, run_command: Command) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    (expected,) = alexnet.predict(narrow_run, image, neighbours=5)
    for words in (["--neighbours", image], [image, "--neighbours"], ["--neighbours", "5", image]):
        code, out, _ = run_command("predict", narrow_run.path, *words, "--json")
        (prediction,) = json.loads(out)["predictions"]
        near, expected_near = prediction["neighbours"], expected.to_dict()["neighbours"]
        assert (code, [each["file"] for each in near]) == (0, [each["file"] for each in expected_near])
        distances = [[each["distance"] for each in group] for group in (near, expected_near)]
        assert distances[0] == pytest.approx(distances[1], rel=1e-4, abs=1e-3)  # threads round differently
    code, out, _ = run_command("predict", narrow_run.path, image, "--neighbours", "2")
    assert code == 0 and out.count("train/") == 2
    assert (
        "neighbours" not in json.loads(run_command("predict", narrow_run.path, image, "--json")[1])["predictions"][0]
    )
    assert run_command("predict", narrow_run.path, image, "--neighbours", "0")[0] == 2
    with pytest.raises(GeometryError, match="0 neighbors: ask for at least 1"):
        alexnet.predict(narrow_run, image, neighbours=0)


def test_many_files_without_out_get_a_note(
    narrow_run: Run, image_folder: Path, monkeypatch: pytest.MonkeyPatch, run_command: Command
) -> None:
    monkeypatch.setattr("alexnet.cli.predict.MANY", 20)
    monkeypatch.setattr(predict_module, "BATCH", 8)
    folder = image_folder / "test"
    err = run_command("predict", narrow_run.path, folder, folder)[2]
    assert err.count("more than 20 files: `--out FILE` writes as it goes") == 1
    assert "--out" not in run_command("predict", narrow_run.path, folder / "down")[2]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_going_on_keeps_few_bytes_of_each_row(narrow_run: Run, tmp_path: Path, ending: str) -> None:
    (images := tmp_path / "bad.png").write_bytes(b"nothing")
    out, peaks = tmp_path / f"p.{ending}", list[int]()

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    for count in (1_000, 10_000):
        with pytest.raises(KeyboardInterrupt):
            predict_many(narrow_run, images, out=out, on_progress=stop)
        row = (
            "photo{}.png,down,1.0,1.0,,\n" if ending == "csv" else '{{"file": "photo{}.png", "predicted": "down"}}\n'
        )
        with out.open("a", encoding="utf-8") as file:
            file.writelines(row.format(number) for number in range(count))
        tracemalloc.start()
        result = predict_many(narrow_run, images, out=out)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (result.num_images, result.num_kept, result.unreadable) == (count, count + 1, 1)
    assert peaks[1] - peaks[0] < 9_000 * 60  # as dictionaries they had 400 bytes and more each


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


def test_a_call_that_fails_before_its_first_row_leaves_an_earlier_file(
    narrow_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    predict_many(narrow_run, image_folder / "test" / "down", out=tmp_path / "p.csv")
    before = (tmp_path / "p.csv").read_bytes()
    (tmp_path / "empty").mkdir()
    for name in ("p.csv", "q.csv"):
        with pytest.raises(DataError, match="holds no images"):
            predict_many(narrow_run, tmp_path / "empty", out=tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "p.csv"]
    assert (tmp_path / "p.csv").read_bytes() == before


def test_errors_say_what_to_do(narrow_run: Run, tmp_path: Path, run_command: Command) -> None:
    with pytest.raises(DataError, match=r"written as \.csv or \.jsonl"):
        predict_many(narrow_run, tmp_path, out=tmp_path / "p.xls")
    with pytest.raises(DataError, match="no image matches this pattern"):
        predict_many(narrow_run, str(tmp_path / "*.jpg"))
    for place in (tmp_path, tmp_path / "sorted"):
        with pytest.raises(DataError, match="among the images to classify, .* choose a folder outside"):
            predict_many(narrow_run, [tmp_path], sort_into=place)
    code, _, err = run_command("predict", narrow_run.path, tmp_path, "--compare")
    assert code == 2 and "--compare goes with --out or --sort-into" in err
