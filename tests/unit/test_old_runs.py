"""Runs of earlier versions: those of another layout are refused in one line, others open as they were."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import alexnet
from alexnet.data import split
from alexnet.errors import RunError
from alexnet.runs.own_images import decode_own_images, own_split
from alexnet.runs.run import Run, open_run
from alexnet.runs.train_images import training_images
from tests.conftest import copy_linked, draw_stripes, encode, small_recipe, write_images

PREPROCESSING = {
    "size": 67, "resize": "squash", "apply_exif": True, "channels": "RGB",
    "mean": [126.8, 127.4, 125.8], "deviation": [49.9, 49.7, 49.8], "cut_from": None,
}  # fmt: skip
"""As version 2 wrote it: what is `std` today was `deviation`, what is `images` was `pictures`."""

FILES = {
    "run.json": {
        "schema": 2, "status": "finished", "created": "2026-11-28T21:24:38+00:00", "seed": 0,
        "program": {"version": "0.1.0", "commit": "5bd12ebf50a4"}, "preprocessing": PREPROCESSING,
        "mean_image": False, "classes": ["across", "down"], "training_seconds": 0.3, "seconds": 2.1,
        "data": {
            "path": "images", "fingerprint": "30e3f60ea465d76b78613d41a68c1e41",
            "pictures": {"train": 10, "validation": 0, "test": 2}, "left_out": 0, "oddities": {},
        },
    },
    "model.json": {
        "variant": "seminar", "switches": {}, "classes": ["across", "down"], "dropout": 0.5,
        "preprocessing": PREPROCESSING, "test_views": "mirror", "epoch": 1, "layers": {},
    },
    "evaluation.json": {
        "split": "test", "views": "center crop", "num_pictures": 2, "num_mistakes": 1, "top1_error": 0.5,
        "top1_interval": [0.09, 0.91], "top5_error": None, "loss": 0.73, "classes": ["across", "down"],
        "confusion": [[1, 0], [1, 0]], "seconds": 0.07, "pictures_per_second": 28.0,
    },
    "recipe.toml": 'name = "fast"\nvariant = "seminar"\nsize = 67\nepochs = 1\nbatch_size = 4\n',
    "steps.csv": "step,epoch,learning_rate,loss,top1_error\n1,1,0.0005,0.68,0.5\n2,1,0.0003,0.63,0.5\n",
    "epochs.csv": (
        "epoch,step,train_loss,train_top1_error,validation_loss,validation_top1_error,test_loss,test_top1_error,"
        "test_top5_error,learning_rate,size,seconds,pictures_per_second\n1,2,0.65,0.5,,,0.69,0.5,,0.0003,67,0.3,30.6\n"
    ),
    "predictions.csv": "file,true,predicted,probability,margin,loss,class_1,probability_1\n",
    "left_out.csv": "file,reason\n",
    ".lock": "",
    "model.safetensors": "",
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as version 2 left it, without the weights themselves."""
    folder = tmp_path / "old-run"
    folder.mkdir()
    for name, content in FILES.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


REFUSED = "old-run: was written by an earlier version of this program; train again"


@pytest.mark.parametrize(
    "words",
    [
        "evaluate RUN",
        "predict RUN IMAGE",
        "mistakes RUN",
        "curves RUN",
        "confusion RUN",
        "kernels RUN",
        "maps RUN IMAGE",
        "report RUN",
        "compare RUN RUN",
        "export RUN net.onnx",
        "resume RUN",
        "train IMAGES --weights RUN --out new",
    ],
)
def test_commands_refuse_an_old_run_in_one_line(
    run_command: Callable[..., tuple[int, str, str]],
    old: Path,
    image_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_stripes(0, 0).save("image.png")
    places = {"RUN": str(old), "IMAGE": "image.png", "IMAGES": str(image_folder)}
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    code, out, err = run_command(*[places.get(word, word) for word in words.split()])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert REFUSED in err
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.png", "old-run"]


@pytest.mark.parametrize(
    "read",
    [
        lambda run: run.about,
        lambda run: run.recipe,
        lambda run: run.model,
        lambda run: run.evaluation,
        lambda run: run.predictions,
        lambda run: run.summary(),
        lambda run: run.curves(),
        lambda run: run.mistakes(),
    ],
)
def test_run_of_the_library_refuses_too(old: Path, read: Callable[[Run], object]) -> None:
    run = open_run(old)
    with pytest.raises(RunError, match=REFUSED):
        read(run)


def test_setting_without_effect_that_was_allowed_once_does_not_close_a_run(narrow_run: Run, tmp_path: Path) -> None:
    """`conv1_std` beside patches is refused today; a recipe of a user's own still is."""
    path = copy_linked(narrow_run.path, tmp_path / "run")
    recipe = narrow_run.folder.recipe.replace(initialization="patches")
    text = recipe.to_toml() + "conv1_std = 0.0074\n"
    (path / "recipe.toml").unlink()
    (path / "recipe.toml").write_text(text, encoding="utf-8")
    run = open_run(path)
    assert run.recipe == recipe
    assert alexnet.evaluate(run).evaluation.top1_error == narrow_run.evaluation.top1_error
    assert alexnet.write_report(run).is_file()
    assert alexnet.resume(run).recipe == recipe
    with pytest.raises(alexnet.AlexNetError, match="conv1_std has no effect"):
        alexnet.PRESETS["fast"].replace(conv1_std=0.0074)


def write_copies(root: Path) -> Path:
    """Three classes of ten images, and one of two groups of identical ones, each larger than a tenth of the class."""
    write_images(root, 10)
    (root / "copied").mkdir()
    for number, count in enumerate((7, 3)):
        data = encode(draw_stripes(0, 500 + number))
        for copy in range(count):
            (root / "copied" / f"{number}_{copy}.png").write_bytes(data)
    return root


def test_run_is_tested_on_the_images_that_its_version_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_copies(tmp_path / "images")
    recipe = small_recipe(epochs=1, test_fraction=0.1)
    hold_out = split.hold_out

    def hold_out_earlier(
        rows: list[int], names: list[str], *rest: Any, **options: int
    ) -> tuple[list[int], list[int]]:
        kept, held = hold_out(rows, names, *rest, **options)
        copied = {row for row in held if names[row] == "copied"}
        return sorted({*kept, *copied}), [row for row in held if row not in copied]

    with monkeypatch.context() as patch:
        patch.setattr(split, "hold_out", hold_out_earlier)
        run = alexnet.train(folder, recipe, out=tmp_path / "run")
    recorded = {each.file for each in run.predictions}
    assert len(recorded) == 3 and not any("copied" in name for name in recorded)
    images = decode_own_images(run)
    sides = own_split(run, images)
    assert [len(sides.train), len(sides.validation), len(sides.test)] == list(run.about.data.images.values())
    trained = {images.files[row].entry.name for row in training_images(run)[1]}
    assert {f"copied/1_{copy}.png" for copy in range(3)} <= trained
    assert {each.file for each in alexnet.evaluate(run).predictions} == recorded
    alexnet.correct(folder, ["across/across_003.png"], "relabel", to="down")
    after = alexnet.open_run(alexnet.retrain(run, folder / "corrections.csv", out=tmp_path / "after").after)
    assert {each.file for each in after.predictions} == recorded

    about = run.about  # as if it had been interrupted
    run.folder.write_about(replace(about, status="running"))
    with pytest.raises(
        RunError, match="into 37 for training, 0 for validation and 3 for testing, and this one makes"
    ):
        alexnet.resume(run)
