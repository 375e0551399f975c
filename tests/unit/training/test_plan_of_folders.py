"""What a plan finds out about a folder before it computes: weights, cache, shards, sizes, and what it chose."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.data.cache import list_caches
from alexnet.data.corrections import apply_corrections, correct
from alexnet.data.folder import scan_folder
from alexnet.data.write_shards import write_shards
from alexnet.errors import WeightsError
from alexnet.presets import PRESETS
from alexnet.run_folder import RunFolder
from alexnet.training.events import Ended, Event, Note
from alexnet.training.plan import Counts, lay_out, plan_training
from alexnet.training.speed import Speeds, _time_decoding
from alexnet.training.train import train
from tests.conftest import small_recipe, write_images

Command = Callable[..., tuple[int, str, str]]

SPEEDS = Speeds("cpu", 32, 3, 8.0, 0.5, 256, 0, 100.0)


@pytest.fixture(autouse=True)
def nothing_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.training.plan.measure_speeds", lambda *_, **__: SPEEDS)


def test_measurements_are_as_many_as_those_of_the_training(few_images: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=24, batch_size=24, validation_fraction=0.0, name="many epochs")
    heard: list[Event] = []
    train(few_images, recipe, out=tmp_path / "run", on_event=heard.append)
    measured = sum(event.record.test_loss is not None for event in heard if isinstance(event, Ended))
    assert 8 <= measured < 24
    plan = plan_training(few_images, recipe)
    view = SPEEDS.pass_seconds / SPEEDS.batch / 3
    last_test = plan.counts.test * view * 2  # center and mirror image
    steps = plan.num_steps * SPEEDS.step_seconds(24)
    assert plan.training_seconds - plan.decode_seconds - steps - last_test == pytest.approx(
        measured * plan.counts.test * view
    )


def test_plan_of_missing_weights_is_refused_as_the_training_is(few_images: Path) -> None:
    with pytest.raises(WeightsError, match="no such weight file"):
        plan_training(few_images, small_recipe(weights="gone.pth"))


def test_images_that_are_decoded_already_cost_no_time_and_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    images = write_images(tmp_path / "images", 4)
    recipe = small_recipe(epochs=1)
    before = plan_training(images, recipe)
    assert (before.is_cached, before.decode_seconds) == (False, pytest.approx(12 / 100))
    train(images, recipe, out=tmp_path / "run")
    after = plan_training(images, recipe)
    assert (after.is_cached, after.decode_seconds) == (True, 0.0)
    assert after.training_seconds == pytest.approx(before.training_seconds - before.decode_seconds)
    assert not plan_training(images, recipe.replace(size=71)).is_cached
    monkeypatch.setattr("alexnet.training.plan._free_bytes", lambda _: 1)
    assert not any("make room" in warning for warning in plan_training(images, recipe).warnings)
    assert any("make room" in warning for warning in plan_training(images, recipe.replace(size=71)).warnings)


def test_plan_of_corrected_shards_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    write_shards(write_images(tmp_path / "images", 6), tmp_path / "shards")
    name = scan_folder(tmp_path / "shards").files[0].entry.name
    corrected = apply_corrections(tmp_path / "shards", correct(tmp_path / "shards", [name], "exclude"))
    plan = plan_training(corrected, small_recipe(epochs=1))
    assert list_caches() == []
    assert plan.counts.files == 17
    assert plan.cache_bytes == 17 * 67 * 67 * 3, "they are decoded and kept by the training"


def test_what_was_chosen_for_the_folder_is_in_the_plan_and_its_table(
    run_command: Command, image_folder: Path
) -> None:
    settings = ["--set", "start_size=none", "--set", "size=67", "--set", "batch_size=12"]
    code, out, err = run_command("train", image_folder, "--plan", *settings)
    assert code == 0, err
    (line,) = (line for line in out.splitlines() if line.startswith("chosen"))
    assert "75 epochs, crops keep 85 % of the area, no validation" in line
    assert line.rstrip().endswith("`auto` for 72 training images")
    _, out, _ = run_command("train", image_folder, "--plan", *settings, "--json")
    values = json.loads(out)
    assert values["chosen"] == {"epochs": 75, "crop_scale": 0.85, "validation_fraction": 0.0}
    assert values["chosen_for"] == 72
    assert "chosen" not in run_command("train", image_folder, "--plan", "--preset", "seminar")[1]


def test_plan_says_that_one_process_is_timed_and_refuses_the_folders_that_training_refuses(
    run_command: Command, few_images: Path, tmp_path: Path
) -> None:
    code, _, err = run_command("train", few_images, "--plan", "--processes", "2")
    assert code == 0
    assert "timed with one process, not with 2" in err
    assert "timed with" not in run_command("train", few_images, "--plan")[2]
    (tmp_path / "thesis.tex").touch()
    code, _, err = run_command("train", few_images, "--plan", "--out", tmp_path)
    assert code == 2
    assert "exists and is not a run folder; choose another --out" in err


def test_images_that_start_at_another_size_are_said(few_images: Path, tmp_path: Path) -> None:
    recipe = PRESETS["fast"].replace(size=128, epochs=1, batch_size=24)
    counts = Counts(files=30, classes=3, train=24, validation=0, test=6)

    def notes(**changes: object) -> tuple[str, ...]:
        changed = recipe.replace(**changes)
        return lay_out(tmp_path, changed, counts, SPEEDS, cache_path=tmp_path, free_bytes=10**12).notes

    assert notes() == (
        "start_size = 68: images start at 100 px, because smaller ones give fc6 fewer inputs than those of 128 px",
    )
    assert notes(size=96) == notes(start_size=None) == notes(start_size=100) == notes(start_size=200) == ()
    heard: list[Event] = []
    train(few_images, small_recipe(size=100, start_size=68, epochs=1), out=tmp_path / "run", on_event=heard.append)
    texts = [event.text for event in heard if isinstance(event, Note) and event.text.startswith("start_size = 68")]
    first = RunFolder(tmp_path / "run")
    assert len(texts) == 1 and first.about.is_finished


def test_files_whose_decoding_is_timed_are_spread_over_the_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scan_folder(write_images(tmp_path, 10))
    monkeypatch.setattr("alexnet.training.speed.SAMPLE", 20)
    decoded: list[str] = []

    def decode(source: object, entries: list, preprocessing: object):  # type: ignore[no-untyped-def,type-arg]
        decoded.extend(entry.name.split("/")[0] for entry in entries)
        yield from ((object(), None) for _ in entries)

    monkeypatch.setattr("alexnet.training.speed.decode_files", decode)
    count, unusable, _ = _time_decoding(folder, small_recipe())
    assert (count, unusable, len(decoded)) == (20, 0, 20)
    assert all(decoded.count(name) >= 6 for name in ("across", "down", "rings")), "30 files, 20 of them timed"
    shutil.rmtree(tmp_path / "rings")
    decoded.clear()
    _time_decoding(scan_folder(tmp_path), small_recipe())
    assert sorted(decoded) == ["across"] * 10 + ["down"] * 10, "no file twice"
