"""`alexnet convolve like`: the learned kernels most similar to a given one."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.screen import screen

__all__ = ["like"]


def like(
    run: RunPath,
    kernel: Annotated[
        str,
        typer.Option(
            "--kernel", "-k", help="A name (see `alexnet convolve kernels`), numbers, or a text, CSV or .npy file."
        ),
    ] = "sobel-y",
    layer: Annotated[str, typer.Option(help="conv1 to conv5.")] = "conv1",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find the learned kernels most similar to a given one."""
    matches = alexnet.match_kernels(run, kernel, layer)
    rows = [
        (match.number, f"{match.correlation:+.3f}", f"{match.shift[0]:+d}, {match.shift[1]:+d}", f"{match.scale}x")
        for match in matches
    ]
    screen.table(["kernel", "correlation", "shift down, right", "enlarged"], rows, right=(0, 1))
    best = matches[0]
    screen.print(f"most similar to {kernel}: {layer} kernel {best.number}, r = {best.correlation:+.2f}")
    if out is None:
        screen.print_json(matches.to_dict())
    else:
        screen.print_figure(alexnet.save_figure(matches.draw(), out), matches.to_dict())
