"""`alexnet export`: a trained network for programs that know nothing of this one."""

from pathlib import Path
from typing import Annotated

import typer

from alexnet.cli.options import Json, RunPath
from alexnet.cli.show import screen

__all__ = ["export"]


def export(
    run: RunPath,
    file: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="File to write.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Write a run's network as an ONNX file: decoded pixels in, logits and probabilities out."""
    from alexnet.export import export_onnx
    from alexnet.runs.run import open_run

    classifier = open_run(run).model
    path = export_onnx(classifier, file)
    size, num_classes, num_bytes = classifier.preprocessing.size, len(classifier.classes), path.stat().st_size
    given = f"pixels uint8 [N, {size}, {size}, 3]"
    gives = f"logits, probabilities float32 [N, {num_classes}]"
    screen.say(f"written: {path} ({num_bytes / 1e6:.1f} MB), {given} → {gives}")
    screen.give(
        {
            "run": str(run),
            "file": str(path),
            "bytes": num_bytes,
            "inputs": {"pixels": ["N", size, size, 3]},
            "outputs": {name: ["N", num_classes] for name in ("logits", "probabilities")},
        }
    )
