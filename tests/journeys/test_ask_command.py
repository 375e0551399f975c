"""Commands that ask the network of a run: `neighbours`, why, ablate, calibrate, features, and kernels of conv1."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

import alexnet
from alexnet.inspection.kernel_history import cosine_similarity
from alexnet.model.checkpoint import Classifier, save_network
from alexnet.runs.ablate_units import ablate_units
from alexnet.runs.kept_ablations import kept_ablations
from alexnet.runs.run import Run, open_run
from tests.conftest import copy_linked


def test_neighbors_and_features_as_json(
    run_command: Callable[..., tuple], trained_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    code, out, _ = run_command("neighbours", trained_run.path, image, "--most", "2", "--json")
    assert code == 0
    (result,) = json.loads(out)["images"]
    assert [set(near) for near in result["neighbours"]] == [{"file", "label", "distance"}] * 2
    code, out, _ = run_command("features", trained_run.path, "--layer", "pool5", "-o", tmp_path / "f.npz", "--json")
    assert code == 0
    assert json.loads(out)["shape"][0] == 93


def test_why_says_whether_its_map_means_anything(
    run_command: Callable[..., tuple], trained_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("captum")
    image = image_folder / "test" / "rings" / "rings_1000.png"
    code, out, _ = run_command("why", trained_run.path, image, "-o", tmp_path / "why.png", "--json")
    assert code == 0
    (result,) = json.loads(out)["maps"]
    assert result["says_something"] in (True, False)
    assert (tmp_path / "why.png").stat().st_size > 5000
    words = ["why", trained_run.path, image, image, "--method", "deconvolution", "-o", tmp_path / "two.png"]
    code, _, err = run_command(*words)
    assert (code, err.count("warning: deconvolution hardly depends on the weights")) == (0, 1), "once for all images"
    code, _, err = run_command("why", trained_run.path, image, "--class", "zebra")
    assert (code, "class zebra: is not a class of this network; choose one of across, down, rings" in err) == (
        2,
        True,
    )


def test_ablate_and_calibrate(
    run_command: Callable[..., tuple], trained_run: Run, narrow_run: Run, tmp_path: Path
) -> None:
    copied = copy_linked(narrow_run.path, tmp_path / "run")
    code, out, _ = run_command("ablate", copied, "conv3", "-o", tmp_path / "bars.png", "--json")
    assert code == 0
    values = json.loads(out)
    assert values["layer"] == "conv3"
    assert {"unit", "error", "difference", "interval"} <= set(values["units"][0])
    code, _, err = run_command("ablate", trained_run.path, "--off", "conv1/999")
    assert (code, "conv1/999: conv1 has units 0 to" in err) == (2, True)
    code, out, _ = run_command("calibrate", trained_run.path, "-o", tmp_path / "calibration.png")
    assert (code, "expected calibration error" in out) == (0, True)


def test_how_far_the_kernels_moved_is_said_in_every_form(
    run_command: Callable[..., tuple], trained_run: Run, tmp_path: Path
) -> None:
    history = alexnet.kernel_history(trained_run)
    code, out, _ = run_command("kernels", trained_run.path, "-o", tmp_path / "a.svg")
    assert (code, out.splitlines()[0]) == (0, str(history.summary()))
    code, out, _ = run_command("kernels", trained_run.path, "-o", tmp_path / "a.png", "--json")
    values = json.loads(out)["history"]
    assert len(values["kernels"]) == 96
    cosine = cosine_similarity(history.end[37:38], history.start[37:38])[0]
    assert values["kernels"][37]["unit"] == "conv1/37"
    assert values["kernels"][37]["cosine"] == pytest.approx(float(cosine))
    assert values["summary"]["norm"] == pytest.approx(np.median([each["norm"] for each in values["kernels"]]))
    code, out, _ = run_command("kernels", trained_run.path, "--layer", "conv2", "-o", tmp_path / "b.png", "--json")
    assert (code, "history" in json.loads(out)) == (0, False)


def test_kernels_of_a_run_without_epochs_are_drawn_all_the_same(
    run_command: Callable[..., tuple], trained_run: Run, tmp_path: Path
) -> None:
    copy = copy_linked(trained_run.path, tmp_path / "run")
    for path in (copy / "kernels").iterdir():
        path.unlink()
    code, out, err = run_command("kernels", copy, "-o", tmp_path / "a.png")
    assert (code, "holds no kernels of single epochs" in err) == (0, True)
    assert "written: " in out


def test_units_are_chosen_by_number_or_address(
    run_command: Callable[..., tuple], trained_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    code, out, err = run_command(
        "maps", trained_run.path, image, "--only", "conv1/0,7", "-o", tmp_path / "a.png", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["shown"] == [0, 7]
    for words in (["maps", trained_run.path, image], ["kernels", trained_run.path]):
        code, _, err = run_command(*words, "--only", "conv1/0,conv2/3")
        assert (code, "--only conv2/3: is not a unit of conv1" in err) == (2, True)
        assert run_command(*words, "--only", "conv1/999")[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--film", "a.html", "--layer", "conv2"], "--film: is for the first layer"),
        (["--film", "a.html", "-o", "a.png"], "leave out --out"),
        (["--film", "a.html", "--show", "change"], "leave out --show"),
        (["--film", "a.html", "--scale", "own", "--channel", "1"], "leave out --scale and --channel"),
        (["--show", "change", "--scale", "own"], "leave out --scale"),
        (["--show", "change", "--channel", "1"], "leave out --channel"),
        (["--show", "kinds", "--only", "3"], "leave out --only"),
        (["--show", "change", "--only", "999"], "the layer has kernels 0 to 95"),
    ],
)
def test_options_that_a_view_of_the_kernels_ignores_are_refused(
    run_command: Callable[..., tuple], trained_run: Run, words: list[str], message: str
) -> None:
    code, _, err = run_command("kernels", trained_run.path, *words)
    assert (code, message in err, len(err.strip().splitlines())) == (2, True, 1), err
    assert not Path("a.html").exists()


def test_change_and_film_show_the_chosen_kernels(
    run_command: Callable[..., tuple], trained_run: Run, tmp_path: Path
) -> None:
    sizes = []
    for only in ([], ["--only", "conv1/3,conv1/5"]):
        assert run_command("kernels", trained_run.path, "--film", tmp_path / "a.gif", *only)[0] == 0
        assert run_command("kernels", trained_run.path, "--show", "change", "-o", tmp_path / "a.png", *only)[0] == 0
        with Image.open(tmp_path / "a.gif") as film, Image.open(tmp_path / "a.png") as change:
            sizes.append((film.height, change.height))
    assert sizes[1][0] < sizes[0][0] / 2
    assert sizes[1][1] < sizes[0][1]


def test_ablate_tells_classes_images_and_probabilities(
    run_command: Callable[..., tuple], narrow_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    figure, image = tmp_path / "off.png", image_folder / "test" / "down" / "down_1000.png"
    words = ("ablate", narrow_run.path, "--off", "conv1/5,conv3")
    code, out, _ = run_command(*words, "-o", figure, "--json")
    expected = ablate_units(narrow_run, "conv1/5,conv3").to_dict()
    assert expected["broken"] or expected["fixed"], "the whole layer off changes something"
    assert (code, json.loads(out)) == (0, {"run": str(narrow_run.path)} | expected | {"figure": str(figure)})
    assert figure.stat().st_size > 5000
    code, out, err = run_command(*words, "-o", figure)
    assert (code, "without conv1/5,conv3: test error" in out, "switching units off: 100 %" in err) == (0, True, True)
    assert "change, percentage points" in out and "(21 images, squashed image); the run's test error" in out
    assert "is by squashed image and its mirror image" in out
    for each in expected["classes"]:
        assert f"{each['name']}  " in out and f"{100 * each['difference']:+.1f}" in out
    assert f"broken: {expected['broken'][0]}" in out or f"fixed: {expected['fixed'][0]}" in out
    code, out, _ = run_command(*words, "--image", image, "-o", tmp_path / "image.png", "--json")
    values = json.loads(out)
    assert code == 0 and values["before"] != values["after"] and sum(values["after"]) == pytest.approx(1.0)
    code, out, _ = run_command(*words, "--image", image, "-o", tmp_path / "image.png")
    assert (code, f"{100 * values['after'][1]:.1f} %" in out) == (0, True)
    assert (tmp_path / "image.png").stat().st_size > 5000
    code, out, _ = run_command(*words[:2], "conv1", "--off", "conv1/5, conv1/9", "-o", figure, "--json")
    assert (code, json.loads(out)["unit"]) == (0, "conv1/5,conv1/9")
    for more, message in {
        (*words, "conv1"): "--off conv1/5,conv3: are not all of the layer conv1; leave LAYER out",
        (*words[:2], "--image", image): "say what to switch off",
        (*words, "--image", image, "--data", image_folder): "--data: has no effect with --image",
        (*words[:3], "conv9"): "no such layer",
        (*words[:3], "pool1"): "has no units to switch off",
        (*words[:3], "conv1/"): "write it as LAYER/NUMBER",
    }.items():
        code, _, err = run_command(*more)
        assert (code, message in err, err.count("\n")) == (2, True, 1)


def test_ablate_names_dead_and_duplicate_units_and_keeps_the_sweep(
    run_command: Callable[..., tuple], narrow_run: Run, tmp_path: Path
) -> None:
    run = open_run(copy_linked(narrow_run.path, tmp_path / "run"))
    tensors = safetensors.torch.load_file(run.folder.model_path)
    name = next(key for key in tensors if key.endswith("features.0.weight"))
    for number in (4, 6):
        tensors[name][number], tensors[name.replace("weight", "bias")][number] = 0.0, -1.0
    tensors[name][9] = 0.5 * tensors[name][8]
    save_network(run.folder, planted_classifier(run, tensors), epoch=1)
    code, out, _ = run_command("ablate", run.path)
    assert code == 0
    assert "dead: conv1/4, conv1/6\n" in out
    assert "duplicates: conv1/8 = conv1/9 (kernels, whatever their biases)\n" in out
    assert "change, percentage points" in out and "classes that suffer" in out
    (kept,) = kept_ablations(run.path)
    assert (kept.layer, kept.dead, kept.duplicates) == ("conv1", (4, 6), ((8, 9),))
    assert (run.folder.figures_dir / "ablation-conv1.png").exists()


def planted_classifier(run: Run, tensors: dict) -> Classifier:
    """The run's network with other weights."""
    run.model.network.load_state_dict(tensors)
    return run.model


def test_first_layer_is_shown_in_every_way(
    run_command: Callable[..., tuple], trained_run: Run, tmp_path: Path
) -> None:
    for show in ("change", "kinds", "orientations"):
        code, out, _ = run_command(
            "kernels", trained_run.path, "--show", show, "-o", tmp_path / f"{show}.png", "--json"
        )
        assert code == 0
        values = json.loads(out)
        assert values["show"] == show
        if show != "change":  # the network has no towers
            assert values["towers"] is None
    code, out, _ = run_command("kernels", trained_run.path, "--show", "kinds", "-o", tmp_path / "kinds.png")
    assert " of 96 kernels fitted well" in out
    code, out, err = run_command("kernels", trained_run.path, "--film", tmp_path / "film.html", "--json")
    assert (code, "cosine to the start" in err) == (0, True)
    assert json.loads(out)["page"] == str(tmp_path / "film.html")
    code, _, err = run_command("kernels", trained_run.path, "--show", "nothing")
    assert (code, "choose kernels, change, kinds, orientations" in err) == (2, True)
