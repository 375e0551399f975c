"""`alexnet unit` as a user meets it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import alexnet
from alexnet.runs.run import Run

Command = Callable[..., tuple]


def test_unit_shows_patches_classes_and_a_figure(run_command: Command, narrow_run: Run, tmp_path: Path) -> None:
    figure = tmp_path / "unit.png"
    code, out, _ = run_command("unit", narrow_run.path, "conv2/7", "-o", figure, "--json", "--most", 3)
    assert code == 0
    values = json.loads(out)
    assert values["unit"] == "conv2/7"
    assert values["num_images"] == 57, "the training images, without validation and test"
    assert len(values["strips"][0]["patches"]) == 3
    assert {"file", "label", "activation", "top", "left"} <= set(values["strips"][0]["patches"][0])
    assert sum(each["fraction"] for each in values["classes"]) == 1.0
    assert figure.stat().st_size > 5000


def test_unit_of_a_vector_and_of_other_images_and_a_synthesized_one(
    run_command: Command, narrow_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    code, out, _ = run_command(
        "unit", narrow_run.path, "fc7/3", "--data", image_folder / "test", "-o", tmp_path / "a.svg", "--json"
    )
    assert code == 0
    assert json.loads(out)["num_images"] == 21
    view = alexnet.unit(narrow_run, "conv1/2", synthesized=True)
    assert view.synthesized is not None and view.synthesized.activation > view.synthesized.start
    assert view.to_dict()["synthesized"]["num_steps"] > 0
    alexnet.save_figure(view.draw(), tmp_path / "b.png")


def test_unit_whose_images_have_moved_shows_its_kernel(run_command: Command, narrow_run: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(narrow_run.path, run)
    about = json.loads((run / "run.json").read_text())
    about["data"]["path"] = str(tmp_path / "gone")
    (run / "run.json").write_text(json.dumps(about))
    code, out, err = run_command("unit", run, "conv1/3")
    assert code == 0
    assert "without patches:" in err and "gone" in err and "--synthesize" in err
    assert "kernel 3 x 11 x 11; receptive field 11 x 11 px" in out
    assert "activation" not in out, "no empty table"
    assert (run / "figures" / "unit-conv1-3.png").stat().st_size > 3000


def test_units_that_are_none_are_refused_in_one_line(run_command: Command, narrow_run: Run) -> None:
    for address, message in (
        ("conv3", "write it as LAYER/NUMBER"),
        ("conv9/1", "has no such layer; choose one of conv1"),
        ("conv3/9999", "conv3/9999: conv3 has units 0 to"),
        ("pool5/9999", "pool5/9999: pool5 has units 0 to"),
    ):
        code, out, err = run_command("unit", narrow_run.path, address)
        assert (code, out) == (2, "")
        assert message in err and len(err.strip().splitlines()) == 1


def test_damaged_cache_is_said_once_and_computed_again(
    run_command: Command, narrow_run: Run, image_folder: Path, own_cache: Path
) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    words = ["neighbours", narrow_run.path, image, image, "--layer", "pool5", "--json"]
    expected = json.loads(run_command(*words)[1])["images"][0]["neighbours"]
    damaged = list(own_cache.glob("images/*/features-*.f32"))
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-8])
    code, out, err = run_command(*words)
    assert (code, err.count("were damaged, and were computed again")) == (0, 1)
    assert json.loads(out)["images"][0]["neighbours"] == expected
    assert "damaged" not in run_command(*words)[2]
