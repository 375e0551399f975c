"""Commands that ask the network of a run: `neighbours`, why, ablate, calibrate, features, and kernels of conv1."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.runs.run import Run


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
    code, _, err = run_command("why", trained_run.path, image, "--class", "zebra")
    assert (code, "class zebra: the network knows across, down, rings" in err) == (2, True)


def test_ablate_and_calibrate(
    run_command: Callable[..., tuple], trained_run: Run, narrow_run: Run, tmp_path: Path
) -> None:
    code, out, _ = run_command("ablate", narrow_run.path, "conv3", "-o", tmp_path / "bars.png", "--json")
    assert code == 0
    values = json.loads(out)
    assert values["layer"] == "conv3"
    assert {"unit", "error", "difference", "interval"} <= set(values["units"][0])
    code, out, _ = run_command("ablate", trained_run.path, "--off", "conv1/5,conv1/9")
    assert (code, "without conv1/5,conv1/9: test error" in out) == (0, True)
    code, _, err = run_command("ablate", trained_run.path, "--off", "conv1/999")
    assert (code, "conv1/999: conv1 has units 0 to" in err) == (2, True)
    code, out, _ = run_command("calibrate", trained_run.path, "-o", tmp_path / "calibration.png")
    assert (code, "expected calibration error" in out) == (0, True)


def test_first_layer_is_shown_in_every_way(
    run_command: Callable[..., tuple], trained_run: Run, tmp_path: Path
) -> None:
    for show in ("change", "kinds", "orientations"):
        code, out, _ = run_command(
            "kernels", trained_run.path, "--show", show, "-o", tmp_path / f"{show}.png", "--json"
        )
        assert code == 0
        assert json.loads(out)["show"] == show
    code, out, _ = run_command("kernels", trained_run.path, "--film", tmp_path / "film.html")
    assert (code, "cosine to the start" in out) == (0, True)
    code, _, err = run_command("kernels", trained_run.path, "--show", "nothing")
    assert (code, "choose kernels, change, kinds, orientations" in err) == (2, True)
