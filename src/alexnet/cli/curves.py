"""`alexnet curves`: accuracy and loss."""

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import screen

__all__ = ["curves"]


def curves(run: RunPath, out: Out = None, as_json: Json = False) -> None:
    """Draw accuracy and loss, even while training runs."""
    opened = alexnet.open_run(run)
    path = alexnet.save_figure(opened.curves(), out or opened.folder.figures_dir / "curves.png")
    screen.print_figure(path, {"run": str(run), "epochs": [epoch.to_dict() for epoch in opened.folder.epochs]})
