"""`alexnet confusion`: the confusion matrix."""

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import screen

__all__ = ["confusion"]


def confusion(run: RunPath, out: Out = None, as_json: Json = False) -> None:
    """Draw the confusion matrix."""
    opened = alexnet.open_run(run)
    path = alexnet.save_figure(opened.confusion_matrix(), out or opened.folder.figures_dir / "confusion.png")
    values = opened.evaluation.to_dict()
    screen.print_figure(path, {"run": str(run), "classes": values["classes"], "confusion": values["confusion"]})
