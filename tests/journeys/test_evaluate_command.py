"""`alexnet evaluate` of one run and of several, in the run's views and in others, as a user types it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from alexnet.evaluation.views import VIEWS
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from tests.conftest import write_images

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def second(narrow_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another finished run on the same images: the same one with its classes' weights changed."""
    path = shutil.copytree(narrow_run.path, tmp_path_factory.mktemp("runs") / "second")
    weights = safetensors.torch.load_file(path / "model.safetensors")
    head = [name for name, tensor in weights.items() if name.endswith("weight") and len(tensor) == 3]
    noise = torch.randn(weights[head[0]].shape, generator=torch.Generator().manual_seed(0))
    weights[head[0]] += 0.1 * noise
    safetensors.torch.save_file(weights, path / "model.safetensors")
    folder = RunFolder(path)
    folder.write_model_info(replace(folder.model_info, checksum=folder.checksum("model.safetensors")))
    return path


def contents(path: Path) -> dict[str, tuple[int, int]]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in files}


def test_several_runs_are_tested_together(run_command: Command, narrow_run: Run, second: Path) -> None:
    before = contents(narrow_run.path) | contents(second)
    code, out, err = run_command("evaluate", narrow_run.path, second, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert values["runs"] == [str(narrow_run.path), str(second)]
    assert values["num_images"] == 21
    assert values["members"][0]["top1_error"] == narrow_run.evaluation.top1_error
    mean = sum(member["top1_error"] for member in values["members"]) / 2
    assert values["mean_top1_error"] == pytest.approx(mean)
    assert values["top1_interval"][0] <= values["top1_error"] <= values["top1_interval"][1]
    assert {"confusion", "seconds", "images_per_second", "num_left_out", "notes"} <= set(values)
    assert contents(narrow_run.path) | contents(second) == before


def test_several_runs_are_shown_beside_their_mean(run_command: Command, narrow_run: Run, second: Path) -> None:
    code, out, err = run_command("evaluate", narrow_run.path, second)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].split("  ")[0] == "run" and "95 % interval" in lines[0]
    assert "top-5" not in lines[0], "three classes have no top-5 error"
    assert [line.split("  ")[0] for line in lines[1:]] == [
        str(narrow_run.path), str(second), "mean of the 2", "averaged",
    ]  # fmt: skip


def test_all_views_are_compared(run_command: Command, narrow_run: Run) -> None:
    before = contents(narrow_run.path)
    code, out, err = run_command("evaluate", narrow_run.path, "--views", "all", "--json")
    assert code == 0, err
    values = json.loads(out)
    assert list(values["evaluations"]) == list(VIEWS)
    assert values["evaluations"]["mirror"]["top1_error"] == narrow_run.evaluation.top1_error
    for change, after in zip(values["differences"], VIEWS[1:], strict=True):
        assert (change["before"], change["after"], change["num_images"]) == ("centre", after, 21)
        errors = [values["evaluations"][name]["top1_error"] for name in ("centre", after)]
        assert change["difference"] == pytest.approx(errors[1] - errors[0])
        assert change["num_broken"] - change["num_fixed"] == round(21 * change["difference"])
        assert {"standard_error", "interval", "fixed", "broken"} <= set(change)
    assert "77 px" in values["notes"][0]
    assert contents(narrow_run.path) == before


def test_all_views_are_a_table_with_two_differences(run_command: Command, narrow_run: Run) -> None:
    code, out, err = run_command("evaluate", narrow_run.path, "--views", "all")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == ["views", *VIEWS, "centre", "centre"]
    assert lines[-1].startswith("centre → ten_crop: test error ")
    assert "of 21 images, " in lines[-1]
    assert "ten crops are cut from squares of 77 px" in err


def test_named_views_are_shown_and_not_written(run_command: Command, narrow_run: Run) -> None:
    before = contents(narrow_run.path)
    code, out, err = run_command("evaluate", narrow_run.path, "--views", "centre")
    assert (code, err) == (0, "views: squashed image\n")
    assert out.startswith("test error ")
    assert contents(narrow_run.path) == before


def test_several_runs_on_other_images(run_command: Command, narrow_run: Run, second: Path, tmp_path: Path) -> None:
    write_images(tmp_path, 3, first=500)
    code, out, _ = run_command("evaluate", narrow_run.path, second, "--data", tmp_path, "--views", "centre", "--json")
    assert (code, json.loads(out)["num_images"]) == (0, 9)


def test_what_cannot_be_tested_is_one_line(run_command: Command, narrow_run: Run, second: Path) -> None:
    for words, message in (
        ([narrow_run.path, narrow_run.path], "is given twice; give each run once"),
        (
            [narrow_run.path, second, "--views", "left"],
            "views = left: no such views; choose one of",
        ),
        ([narrow_run.path, second.parent / "gone"], "gone: no such folder"),
        ([], "Missing argument 'RUN'"),
    ):
        code, out, err = run_command("evaluate", *words)
        assert (code, out, err.count("\n")) == (2, "", 1), words
        assert message in err


def test_help_names_the_views_and_loads_no_torch() -> None:
    code = (
        "import sys\nfrom alexnet.cli.main import run\n"
        "try:\n    run(['evaluate', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert all(views in answer.stdout for views in (*VIEWS, "all"))
