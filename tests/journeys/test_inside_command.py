"""`alexnet inside` as a user meets it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from alexnet.runs.run import Run

Command = Callable[..., tuple]


def test_image_is_followed_on_a_page_and_a_figure(
    run_command: Command, narrow_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(narrow_run.path, run)
    image = image_folder / "test" / "down" / "down_1000.png"
    code, out, _ = run_command("inside", run, image, "--json", "--maps", 2)
    assert code == 0
    values = json.loads(out)
    assert [layer["layer"] for layer in values["layers"]][:1] == ["conv1"]
    decision = values["decision"]
    assert decision["winner"] == max(values["probabilities"], key=values["probabilities"].get)
    assert abs(decision["total"] + decision["bias_difference"] - decision["logit_difference"]) < 1e-3
    assert all(len(patches) == 4 for patches in values["patches"].values())
    page = (run / "figures" / "inside-down_1000.html").read_text()
    assert f"<code>alexnet inside {run} {image} -o inside.html</code>" in page
    assert f"<code>alexnet unit {run} conv1/" in page
    assert 'id="conv3"' in page and 'id="decision"' in page
    body = page.split("<body>")[1]
    assert "http:" not in body and "https:" not in body
    assert (run / "figures" / "inside-down_1000.png").stat().st_size > 20_000


def test_image_that_is_none_is_refused(run_command: Command, narrow_run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    for name in ("broken.png", "gone.png"):
        code, _, err = run_command("inside", narrow_run.path, tmp_path / name)
        assert code == 2
        assert name in err and len(err.strip().splitlines()) == 1
