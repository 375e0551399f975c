"""`alexnet export`: a trained network for other programs."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, RunPath
from alexnet.cli.screen import screen

__all__ = ["export"]


def export(
    run: RunPath,
    file: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="File to write.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Write the network as an ONNX file for other programs.

    The file takes decoded images and returns logits and probabilities.
    """
    classifier = alexnet.open_run(run).model
    path = alexnet.export_onnx(classifier, file)
    size, num_classes, num_bytes = classifier.preprocessing.size, len(classifier.classes), path.stat().st_size
    screen.print(
        f"written: {path} ({num_bytes / 1e6:.1f} MB), pixels uint8 [N, {size}, {size}, 3] → "
        f"logits, probabilities float32 [N, {num_classes}]"
    )
    shapes = {
        "inputs": {"pixels": ["N", size, size, 3]},
        "outputs": {name: ["N", num_classes] for name in ("logits", "probabilities")},
    }
    screen.print_json({"run": str(run), "file": str(path), "bytes": num_bytes} | shapes)
