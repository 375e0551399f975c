"""A run folder of an earlier version is refused in one line by whatever reads it, and left as it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.errors import RunError
from alexnet.runs.run import Run, open_run
from tests.conftest import draw_stripes

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
