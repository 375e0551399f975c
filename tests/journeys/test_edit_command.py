"""`alexnet edit` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

from alexnet.runs.run import Run


def test_edit_as_figure_and_json(
    run_command: Callable[..., tuple], narrow_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    image = image_folder / "test" / "down" / "down_1000.png"
    words = ["edit", narrow_run.path, image, "--change", "turn", "--change", "cover", "-o", tmp_path / "edit.png"]
    code, out, _ = run_command(*words, "--json")
    assert code == 0
    values = json.loads(out)
    assert [curve["change"] for curve in values["curves"]] == ["turn", "cover"]
    assert len(values["curves"][0]["probabilities"]) == len(values["curves"][0]["amounts"])
    assert (tmp_path / "edit.png").stat().st_size > 10_000
    code, _, err = run_command("edit", narrow_run.path, image, "--change", "flip")
    assert (code, "change flip: choose one of cover" in err) == (2, True)
