"""Hard images: half may train, nothing that hangs together is divided, and nothing that trains is counted."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alexnet
from alexnet.audit.hard_folder import NEEDED, add_origin, lay_out, read_origins
from alexnet.audit.hard_images import divide
from alexnet.audit.retrain_on_hard import retrain_on_hard
from alexnet.errors import DataError
from alexnet.evaluation.paired import sign_test
from alexnet.runs.run import Run
from tests.conftest import CLASSES, copy_images, draw_stripes, small_recipe, trained_once

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Path:
    return copy_images(image_folder, tmp_path_factory.mktemp("hard") / "images")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Run:
    return trained_once(tmp_path_factory, "hard-run", place, small_recipe(epochs=6, seed=1))


def paint(image: Image.Image, seed: int) -> Image.Image:
    """A third of the image covered by a block of a color, and noise, so that no two are near duplicates."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(image).copy()
    top, left = rng.integers(0, 24, 2)
    pixels[top : top + 24, left : left + 24] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


@pytest.fixture
def hard(tmp_path: Path) -> Path:
    """24 hard images, flat, as they may have been collected by hand."""
    for kind, name in enumerate(CLASSES):
        (tmp_path / "hard" / name).mkdir(parents=True)
        for seed in range(8):
            paint(draw_stripes(kind, 500 + seed), 10 * seed + kind).save(tmp_path / "hard" / name / f"{seed}.png")
    return tmp_path / "hard"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_six_images_measure_at_least_because_fewer_may_be_chance() -> None:
    assert NEEDED == 6
    assert sign_test(NEEDED, 0) < 0.05 < sign_test(NEEDED - 1, 0)


def test_flat_images_measure_until_half_of_them_train_and_none_is_moved_back(run: Run, hard: Path) -> None:
    before = {path.read_bytes() for path in hard.rglob("*.png")}
    lay_out(hard, CLASSES)
    assert {name.split("/")[0] for name in files(hard)} == {"test"}
    assert alexnet.evaluate(run, hard).evaluation.num_images == 24
    divide(run, hard)
    train = {name for name in files(hard) if name.startswith("train/")}
    assert len(train) == 12
    assert {name.split("/")[1] for name in train} == set(CLASSES)
    assert {path.read_bytes() for path in hard.rglob("*.png")} == before, "no image is lost"
    assert alexnet.evaluate(run, hard).evaluation.num_images == 12, "what may train is not counted"
    divide(run, hard)
    assert {name for name in files(hard) if name.startswith("train/")} == train
    for seed in range(4):
        paint(draw_stripes(0, 700 + seed), 900 + seed).save(hard / "test" / "across" / f"new-{seed}.png")
    divide(run, hard)
    assert train <= files(hard)
    assert sum(name.startswith("train/") for name in files(hard)) == 14


def test_images_of_one_origin_and_near_duplicates_stay_together(run: Run, hard: Path, place: Path) -> None:
    lay_out(hard, CLASSES)
    for name in ("test/across/0.png", "test/down/1.png", "test/rings/2.png"):
        add_origin(hard, (hard / name).read_bytes(), str(place.resolve()), "train/across/across_000.png")
    shutil.copy(hard / "test/across/3.png", hard / "test/across/copy.png")
    for _ in range(2):
        divide(run, hard)
        for together in (("across/0.png", "down/1.png", "rings/2.png"), ("across/3.png", "across/copy.png")):
            assert len({(hard / "train" / name).exists() for name in together}) == 1
    trained = sorted(name for name in files(hard) if name.startswith("train/"))[0]
    shutil.copy(hard / trained, hard / "test" / "down" / "late.png")
    divide(run, hard)
    assert (hard / "train" / "down" / "late.png").exists(), "a copy of what trains does not measure"


def test_list_of_origins_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "origins.csv").write_bytes(b"\xff")
    with pytest.raises(DataError, match="origins.csv: .* can't decode byte .*; fix it, or delete it"):
        read_origins(tmp_path)


def test_what_was_made_from_a_test_image_never_trains(run: Run, hard: Path, place: Path) -> None:
    lay_out(hard, CLASSES)
    tested = sorted((hard / "test").rglob("*.png"))[:8]
    for number, path in enumerate(tested):
        add_origin(hard, path.read_bytes(), str(place.resolve()), f"test/across/across_{1000 + number % 7}.png")
    shutil.copy(place / "test" / "down" / "down_1002.png", hard / "test" / "down" / "copy.png")
    assert len(read_origins(hard)) == 8
    divide(run, hard)
    assert all(path.exists() for path in [*tested, hard / "test" / "down" / "copy.png"])


def test_what_was_moved_for_another_run_does_not_train_this_one_on_its_test_images(
    run: Run, hard: Path, place: Path, tmp_path: Path
) -> None:
    lay_out(hard, CLASSES)
    divide(run, hard)
    tied = sorted((hard / "train").rglob("*.png"))[:2]
    for path in tied:  # as if the run for which they were moved were tested on other images
        add_origin(hard, path.read_bytes(), str(place.resolve()), "test/across/across_1000.png")
    result = retrain_on_hard(run, hard, out=tmp_path / "after")
    num = sum(name.startswith("train/") for name in files(hard))
    assert result.num_trained == num - 2
    assert result.hard_before.num_images == 24 - num, "they do not measure either"


def test_images_that_may_not_train_are_not_counted_as_those_that_measure(run: Run, hard: Path, place: Path) -> None:
    lay_out(hard, CLASSES)
    for path in sorted((hard / "test").rglob("*.png"))[12:]:
        path.unlink()
    divide(run, hard)
    for path in sorted((hard / "train").rglob("*.png")):
        add_origin(hard, path.read_bytes(), str(place.resolve()), "test/across/across_1000.png")
    before = files(hard)
    with pytest.raises(DataError, match="has 6 images of the run's classes, and 12 are needed"):
        divide(run, hard)
    assert files(hard) == before


def test_the_runs_own_images_are_not_moved(tmp_path: Path, image_folder: Path) -> None:
    flat = copy_images(image_folder / "train", tmp_path / "flat")
    run, before = alexnet.train(flat, small_recipe(epochs=1), out=tmp_path / "run"), files(flat)
    for folder in (flat, flat / "across", tmp_path):
        with pytest.raises(DataError, match="they would be moved"):
            retrain_on_hard(run, folder)
    assert files(flat) == before


def test_too_few_are_said_with_how_many_are_needed(run: Run, hard: Path, place: Path, tmp_path: Path) -> None:
    lay_out(hard, CLASSES)
    for path in sorted((hard / "test").rglob("*.png"))[7:]:
        path.unlink()
    before = files(hard)
    with pytest.raises(DataError, match="has 7 images of the run's classes, and 12 are needed.*collect 5 more"):
        retrain_on_hard(run, hard, out=tmp_path / "x")
    assert (files(hard), (tmp_path / "x").exists()) == (before, False)
    for seed in range(6):
        path = hard / "test" / "rings" / f"tested-{seed}.png"
        paint(draw_stripes(2, 600 + seed), 300 + seed).save(path)
        add_origin(hard, path.read_bytes(), str(place.resolve()), f"test/rings/rings_{1000 + seed}.png")
    for path in sorted((hard / "test").rglob("[0-9].png"))[:5]:
        add_origin(hard, path.read_bytes(), str(place.resolve()), "test/down/down_1000.png")
    with pytest.raises(DataError, match="only 2 of its 13 images can be trained on, and 6 are needed; 11 were made"):
        retrain_on_hard(run, hard, out=tmp_path / "x")
    assert {name.split("/")[0] for name in files(hard)} == {"test"}


@pytest.mark.slow
def test_before_and_after_are_measured_on_what_was_not_trained_on(run: Run, hard: Path, tmp_path: Path) -> None:
    result = retrain_on_hard(run, hard, out=tmp_path / "after")
    held_out = {name for name in files(hard) if name.startswith("test/")}
    assert (result.num_trained, result.gain.num_images, len(held_out)) == (12, 12, 12)
    assert set(result.gain.fixed) | set(result.gain.broken) <= held_out
    for network, evaluation in ((run, result.hard_before), (result.after, result.hard_after)):
        assert alexnet.evaluate(network, hard).evaluation.confusion == evaluation.confusion
    assert result.gain.difference == pytest.approx(result.hard_after.top1_error - result.hard_before.top1_error)
    assert result.alone.difference == pytest.approx(result.hard_after.top1_error - result.hard_control.top1_error)
    assert result.test_before.top1_error == run.evaluation.top1_error
    after = alexnet.open_run(result.after)
    assert after.evaluation.top1_error == result.test_after.top1_error
    own = run.about.data.images
    num_train = own["train"] + own["validation"] + result.num_trained
    assert after.about.data.images == {"train": num_train, "validation": 0, "test": own["test"]}
    assert alexnet.evaluate(after).evaluation.confusion == result.test_after.confusion
    assert result.copies == round(0.1 * 72 / 12) or result.copies == 1
    trained = [hard / name for name in files(hard) if name.startswith("train/")]
    correct = [
        sum(
            each.predicted == path.parent.name
            for each, path in zip(alexnet.predict(one, trained), trained, strict=True)
        )
        for one in (run, after)
    ]
    assert correct[1] > correct[0], "it has learned what it was trained on"
    assert json.loads(json.dumps(result.to_dict()))["num_trained"] == 12


@pytest.mark.slow
def test_command_says_all_of_it_and_takes_one_kind_of_images(
    run: Run, hard: Path, tmp_path: Path, run_command: Command
) -> None:
    code, out, err = run_command("retrain", run.path, "--hard", hard, "-o", tmp_path / "r")
    assert code == 0, err
    assert "12 hard images were trained on; error on the other 12:" in out
    assert "new layer without them:" in out
    code, out, _ = run_command("evaluate", tmp_path / "r", "--data", hard, "--json")
    assert json.loads(out)["num_images"] == 12
    for words in ((), ("--hard", hard, "--corrections", hard)):
        code, _, err = run_command("retrain", run.path, *words)
        assert (code, "give either --corrections FILE or --hard FOLDER" in err) == (2, True)
    code, _, err = run_command("retrain", run.path, "--hard", hard, "--whole")
    assert code == 2
    code, _, err = run_command("retrain", run.path, "--hard", tmp_path / "nowhere")
    assert "is not a folder; give one with hard images" in err
