"""`alexnet studio`: a page on this computer to train on and to look inside."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.screen import screen

__all__ = ["studio"]


def studio(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Runs, folders of images, or folders that hold some.",
                       show_default="the current folder"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the server.", show_default="8775, or a free one")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; the link then holds a token. 0.0.0.0 lets other computers in.",
                     show_default="this computer only, without a token"),
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
) -> None:  # fmt: skip
    """Train, look at images and correct labels on a page.

    Nothing leaves this computer. Ctrl-C ends the server; trainings that it started go on.
    """

    def show(address: str) -> None:
        screen.print(f"studio: {address}   (Ctrl-C ends it)")
        if not no_open:
            # a thread of its own: a browser in the terminal would keep the server from answering
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    alexnet.serve_studio(paths or (), host=host, port=port, on_ready=show)
