"""`alexnet export` as a user types it: from a trained run to another engine, and what may go wrong on the way."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from alexnet.evaluation.predict import read_image

Command = Callable[..., tuple[int, str, str]]


def test_exported_run_predicts_as_the_run_does(
    trained_run: Any, image_folder: Path, run_command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "net.onnx"
    code, out, err = run_command("export", trained_run.path, file, "--json")
    assert code == 0
    assert json.loads(out) == {
        "run": str(trained_run.path),
        "file": str(file),
        "bytes": file.stat().st_size,
        "inputs": {"pixels": ["N", 67, 67, 3]},
        "outputs": {"logits": ["N", 3], "probabilities": ["N", 3]},
    }
    assert re.fullmatch(
        rf"written: {re.escape(str(file))} \(\d+\.\d MB\), pixels uint8 \[N, 67, 67, 3\] → "
        r"logits, probabilities float32 \[N, 3\]\n",
        err,
    )
    images = sorted((image_folder / "test").rglob("*.png"))[::4]
    pixels = np.stack([read_image(path, trained_run.model) for path in images])
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert trained_run.model.views == "mirror"  # the run looks twice, the file once
    both = [session.run(["probabilities"], {"pixels": view})[0] for view in (pixels, pixels[:, :, ::-1])]
    probs = np.mean(both, axis=0)
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    for prediction, row in zip(trained_run.predict(images), probs, strict=True):
        assert prediction.predicted == classes[row.argmax()]
        assert prediction.probability == pytest.approx(row.max(), abs=1e-4)

    code, out, err = run_command("export", trained_run.path, file)
    assert (code, out) == (2, "")
    assert err == f"alexnet: {file}: exists already; choose another path, or remove it\n"


def refused(run_command: Command, *words: object) -> str:
    """The one line that a command ends with."""
    code, out, err = run_command("export", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def test_wrong_words_are_one_line_each(trained_run: Any, run_command: Command, tmp_path: Path) -> None:
    run, file = trained_run.path, tmp_path / "net.onnx"
    assert "no such folder" in refused(run_command, tmp_path / "nowhere", file)
    assert "is not a run folder" in refused(run_command, tmp_path, file)
    assert "unknown ending; end the name in .onnx" in refused(run_command, run, tmp_path / "net.pth")
    assert "Missing argument 'FILE.onnx'" in refused(run_command, run)
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert "cannot be written" in refused(run_command, run, tmp_path / "taken" / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whoever may write everywhere is refused nowhere")
def test_unwritable_folder_is_one_line(trained_run: Any, run_command: Command, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written (Permission denied)" in refused(run_command, trained_run.path, tmp_path / "net.onnx")


def test_missing_extra_is_one_line(
    trained_run: Any, run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    message = refused(run_command, trained_run.path, tmp_path / "net.onnx")
    assert (
        message == "alexnet: onnxscript is not installed; install the extra: pip install 'alexnet-workbench[onnx]'\n"
    )
