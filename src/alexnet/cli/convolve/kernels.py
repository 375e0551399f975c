"""`alexnet convolve kernels`: the gallery of named kernels."""

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

__all__ = ["kernels"]


def kernels(as_json: Json = False) -> None:
    """List the named kernels."""
    gallery = alexnet.list_kernels()
    rows = [
        (":".join([kernel.name, *(f"{value:g}" for value in kernel.settings.values())]), kernel.facts(), kernel.shows,
         kernel.source)
        for kernel in gallery
    ]  # fmt: skip
    screen.table(["kernel", "size, rank, gain", "shows", "source"], rows)
    screen.print_json({"kernels": [kernel.to_dict() for kernel in gallery]})
