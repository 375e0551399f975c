"""Folder → train → look → compare → predict by the command line, as a user types it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests import processes
from tests.conftest import draw_stripes, encode, write_images

Command = Callable[..., tuple[int, str, str]]
SMALL = [
    "--set", "size=67", "--set", "start_size=none", "--set", "batch_size=16", "--set", "learning_rate=1e-4",
    "--set", "muon_learning_rate=0.01", "--set", "initialization=fan_in", "--epochs", "1",
]  # fmt: skip
NARROW = [*SMALL, "--set", "variant=narrow"]


def test_train_reports_in_one_json_object(run_command: Command, image_folder: Path, tmp_path: Path) -> None:
    code, out, err = run_command("train", image_folder, *NARROW, "--out", tmp_path / "run", "--json")
    assert code == 0, err
    values = json.loads(out)
    assert {"run", "num_images", "top1_error", "top1_interval", "seconds", "images_per_second"} <= set(values)
    assert values["num_images"] == 21
    assert 0 <= values["top1_interval"][0] <= values["top1_error"] <= values["top1_interval"][1] <= 1
    assert Path(values["report"]).stat().st_size > 100_000
    assert "epoch  1/1" in err


def test_quiet_is_silent(run_command: Command, image_folder: Path, tmp_path: Path) -> None:
    code, out, err = run_command("train", image_folder, *NARROW, "--out", tmp_path / "run", "--quiet")
    assert (code, out, err) == (0, "", "")


def test_evaluate_again_gives_the_same(run_command: Command, trained_run: Run) -> None:
    code, out, _ = run_command("evaluate", trained_run.path, "--json")
    values = json.loads(out)
    assert code == 0
    assert values["top1_error"] == trained_run.evaluation.top1_error
    assert values["confusion"] == [list(row) for row in trained_run.evaluation.confusion]
    assert {"run", "num_images", "top1_interval", "seconds", "images_per_second"} <= set(values)


def test_evaluate_on_other_images(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    write_images(tmp_path, 3, first=500)
    code, out, _ = run_command("evaluate", trained_run.path, "--data", tmp_path, "--json")
    assert (code, json.loads(out)["num_images"]) == (0, 9)


def test_predict_uses_the_preprocessing_of_the_training(run_command: Command, trained_run: Run) -> None:
    """The probability of a file is that of the same file in the test, to the last bit of the table."""
    first = trained_run.predictions[0]
    data = Path(trained_run.folder.read_json("run.json")["data"]["path"])
    code, out, _ = run_command("predict", trained_run.path, data / first.file, "--json", "--top", "2")
    prediction = json.loads(out)["predictions"][0]
    assert code == 0
    assert prediction["predicted"] == first.predicted
    assert prediction["probability"] == pytest.approx(first.probability, abs=1e-5)
    assert len(prediction["top"]) == 2


def test_predict_shows_a_table(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    draw_stripes(2, 7).save(tmp_path / "p.png")
    code, out, _ = run_command("predict", trained_run.path, tmp_path / "p.png")
    assert code == 0
    assert "p.png" in out
    assert "rings" in out


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["curves"], (1050, 400)),
        (["confusion"], None),
        (["kernels", "--layer", "conv2", "--scale", "own", "--only", "0,5"], None),
        (["mistakes", "--order", "pair"], None),
    ],
)
def test_figures_are_written_where_asked(
    run_command: Command, trained_run: Run, tmp_path: Path, words: list[str], size: tuple[int, int] | None
) -> None:
    target = tmp_path / "figure.png"
    code, out, err = run_command(words[0], trained_run.path, *words[1:], "-o", target, "--json")
    assert code == 0, err
    assert json.loads(out)["figure"] == str(target)
    with Image.open(target) as image:
        assert size is None or image.size == size
        assert np.asarray(image.convert("L")).std() > 5, "an empty sheet"


def test_maps_of_a_image(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    draw_stripes(0, 3).save(tmp_path / "p.png")
    for extra, shown in ((["--only", "1,2"], [1, 2]), (["--all"], "all")):
        target = tmp_path / "maps.png"
        code, out, _ = run_command(
            "maps", trained_run.path, tmp_path / "p.png", "--layer", "conv2", *extra, "-o", target, "--json"
        )
        values = json.loads(out)
        assert (code, values["shape"], values["shown"]) == (0, [256, 7, 7], shown)


@pytest.mark.parametrize(
    ("options", "shape"),
    [(["--stride", "1"], [96, 57, 57]), (["--layer", "conv5", "--size", "136"], [256, 7, 7])],
)
def test_finer_maps_lie_beside_the_ordinary_ones(
    options: list[str], shape: list[int], run_command: Command, trained_run: Run, tmp_path: Path
) -> None:
    draw_stripes(0, 3).save(tmp_path / "p.png")
    code, out, _ = run_command("maps", trained_run.path, tmp_path / "p.png", *options, "--json")
    values = json.loads(out)
    assert (code, values["shape"]) == (0, shape)
    assert Path(values["figure"]).name in ("maps-conv1-stride1-p.png", "maps-conv5-136px-p.png")


def test_mistakes_are_copied_out_unchanged(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    code, out, _ = run_command("mistakes", trained_run.path, "--export", tmp_path / "out", "--json")
    values = json.loads(out)
    copied = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert code == 0
    assert values["num_mistakes"] == len(values["mistakes"]) == len(copied) == trained_run.evaluation.num_mistakes
    data = Path(trained_run.folder.read_json("run.json")["data"]["path"])
    originals = {(data / p.file).read_bytes() for p in trained_run.mistakes()}
    assert {path.read_bytes() for path in copied} == originals
    code, _, err = run_command("mistakes", trained_run.path, "--export", tmp_path / "out")
    assert code == 2
    assert "is not empty" in err


def test_compare_writes_a_page(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    code, out, _ = run_command("compare", trained_run.path, trained_run.path, "-o", tmp_path / "c.html", "--json")
    assert (code, json.loads(out)["differences"][0]["fixed"]) == (0, [])
    assert "Settings that differ" in (tmp_path / "c.html").read_text()


def test_model_prints_its_layers(run_command: Command) -> None:
    code, out, _ = run_command("model", "torchvision", "--size", "224", "--classes", "1000")
    assert code == 0
    assert "61,100,840" in out
    values = json.loads(run_command("model", "seminar", "--json")[1])
    assert values["layers"][0]["output"] == [96, 22, 22]


def test_recipe_is_a_file_to_start_from(run_command: Command, tmp_path: Path) -> None:
    from alexnet.presets import PRESETS
    from alexnet.recipe_file import load_recipe

    code, out, _ = run_command("recipe", "seminar")
    (tmp_path / "mine.toml").write_text(out)
    assert code == 0
    assert load_recipe(tmp_path / "mine.toml") == PRESETS["seminar"]


def test_data_check_names_what_is_odd(run_command: Command, tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    (tmp_path / "down" / "note.txt").write_text("x")
    code, out, _ = run_command("data", "check", tmp_path)
    assert code == 0
    assert "no image: 1" in out
    assert "down/note.txt" in out


def test_data_cache_is_shown_and_cleared(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    run_command("data", "check", write_images(tmp_path / "p", 2))
    assert json.loads(run_command("data", "cache", "--clear", "--json")[1])["freed_bytes"] > 0
    assert json.loads(run_command("data", "cache", "--json")[1])["caches"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "gone"], "gone: no such file or folder"),
        (["train"], "Missing argument 'DATA'"),
        (["train", ".", "--preset", "quick"], "preset quick: no such preset"),
        (
            ["model", "check", "seminar", "--data", ".", "--recipe", "fast"],
            "fast is a preset, not a file; write --preset fast",
        ),
        (["train", ".", "--set", "epoch=3"], "did you mean epochs?"),
        (["train", "https://example.org/a.zip"], "https://example.org/a.zip: is an address; commands read files"),
        (["fly"], "No such command 'fly'"),
        (["report", "gone"], "gone: no such folder"),
        (["model", "resnet"], "variant resnet: no such network"),
        (["model", "seminar", "--size", "20"], "20 px are too small"),
        (["recipe", "quick"], "preset quick: no such preset"),
        (["compare", "gone", "gone"], "gone: no such folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run_command(*words)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_bad_choices_on_a_run_are_one_line(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_text("x")
    for words, message in (
        (["kernels", trained_run.path, "--layer", "pool1"], "has no kernels"),
        (["kernels", trained_run.path, "--only", "a"], "is not a list of numbers"),
        (["kernels", trained_run.path, "--scale", "mine"], "choose common or own"),
        (["mistakes", trained_run.path, "--order", "size"], "choose confidence or pair"),
        (["maps", trained_run.path, tmp_path / "no.jpg"], "no.jpg: cannot be used"),
        (["predict", trained_run.path, tmp_path / "gone.jpg"], "gone.jpg: "),
        (["curves", trained_run.path, "-o", tmp_path / "c.xyz"], "unknown suffix"),
    ):
        code, _, err = run_command(*words)
        assert (code, err.count("\n")) == (2, 1), words
        assert message in err


@pytest.mark.parametrize(
    "words",
    [["doubts", "images", "-o"], ["enough", "images", "-o"], ["retrain", "run", "--figure"], ["map", "run", "-o"],
     ["data", "check", "images", "-o"], ["ablate", "run", "conv1", "-o"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_figure_of_an_unknown_kind_is_refused_before_anything_is_read(run_command: Command, words: list[str]) -> None:
    code, _, err = run_command(*words, "figure.bmp")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("alexnet: figure.bmp: unknown suffix; choose one of .png, .svg")


def test_a_fault_of_ours_is_exit_code_1(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("alexnet.summarize", fail)
    code, _, err = run_command("model", "seminar")
    assert code == 1
    assert "a fault of this program (ZeroDivisionError)" in err


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError("CUDA out of memory")],
)
def test_too_little_memory_is_one_line(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("alexnet.summarize", fail)
    code, out, err = run_command("model", "seminar")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("alexnet: too little memory; close other programs, or use fewer or smaller images")


def _spawn(image_folder: Path, out: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", processes.COMMAND, "train", image_folder, *NARROW, "--epochs", "300", "--out", out],
        env=processes.environment(cache), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _wait_for(path: Path, lines: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not path.exists() or len(path.read_text().splitlines()) <= lines:
        assert time.monotonic() < end, "no progress"
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_control_c_saves_and_says_how_to_go_on(image_folder: Path, tmp_path: Path, own_cache: Path) -> None:
    process = _spawn(image_folder, tmp_path / "run", own_cache)
    _wait_for(tmp_path / "run" / "steps.csv", 2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"alexnet resume {tmp_path / 'run'}" in err
    assert RunFolder(tmp_path / "run").holds_state


def test_control_c_in_any_command_is_one_line(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alexnet.summarize", interrupted)
    assert run_command("model", "seminar") == (130, "", "alexnet: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_run_does_not_block_its_folder(
    run_command: Command, image_folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    process = _spawn(image_folder, tmp_path / "run", own_cache)
    _wait_for(tmp_path / "run" / "steps.csv", 2, process)
    code, _, err = run_command("resume", tmp_path / "run")
    assert (code, "another training is running" in err) == (2, True)
    process.kill()
    process.communicate(timeout=30)
    recipe = tmp_path / "run" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("epochs = 300", "epochs = 1"))
    code, out, err = run_command("resume", tmp_path / "run", "--json")
    assert code == 0, err
    assert json.loads(out)["epochs"] == 1


def test_run_moved_elsewhere_still_shows_itself(run_command: Command, trained_run: Run, tmp_path: Path) -> None:
    shutil.copytree(trained_run.path, tmp_path / "moved")
    about = tmp_path / "moved" / "run.json"
    about.write_text(about.read_text().replace(str(Path(json.loads(about.read_text())["data"]["path"])), "/gone"))
    code, _out, err = run_command("report", tmp_path / "moved")
    assert code == 0, err
    code, _, err = run_command("evaluate", tmp_path / "moved")
    assert code == 2
    assert "/gone: no such file or folder" in err


def test_bad_image_is_named_and_the_others_are_predicted(
    run_command: Command, trained_run: Run, tmp_path: Path
) -> None:
    good, cut = draw_stripes(0, 1), encode(draw_stripes(0, 0), "JPEG")[:400]
    (tmp_path / "images").mkdir()
    good.save(tmp_path / "images" / "good.png")
    (tmp_path / "images" / "cut.jpg").write_bytes(cut)
    files = [tmp_path / "images" / name for name in ("cut.jpg", "good.png")]
    for words in (files, [tmp_path / "images"]):
        code, out, err = run_command("predict", trained_run.path, *words, "--json")
        values = json.loads(out)
        assert [Path(p["file"]).name for p in values["predictions"]] == ["good.png"]
        assert [Path(u["file"]).name for u in values["unreadable"]] == ["cut.jpg"]
        assert (code, err.count("\n")) == (2, 1)
        assert "cut.jpg: cannot be used" in err
    code, out, _ = run_command("predict", trained_run.path, *files)
    assert code == 2
    assert "good.png" in out


def test_nothing_loads_the_threads_before_their_setting_is_made() -> None:
    code = "import sys, alexnet.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
