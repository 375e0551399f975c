"""`alexnet model show`: a network layer by layer."""

from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import screen

__all__ = ["show"]


def show(
    variant: Annotated[
        str,
        typer.Argument(metavar="NAME", help="{variants}.", show_default=False),
    ],
    size: Annotated[int, typer.Option(help="Side of the image, px.")] = 96,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 8,
    activation: Annotated[
        str | None, typer.Option(help="relu, tanh, leaky_relu, elu, gelu, silu, sigmoid.", show_default=False)
    ] = None,
    lrn: Annotated[str | None, typer.Option(help="off, divided or undivided.", show_default=False)] = None,
    pooling: Annotated[str | None, typer.Option(help="3/2 or 2/2: size/stride.", show_default=False)] = None,
    dropout_form: Annotated[str | None, typer.Option(help="inverted or 2012.", show_default=False)] = None,
    dropout_place: Annotated[str | None, typer.Option(help="before or after.", show_default=False)] = None,
    towers: Annotated[
        bool | None,
        typer.Option(
            "--towers/--no-towers",
            help="Split conv2, conv4 and conv5 into two towers, or not; default: as the network does.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a network layer by layer.

    For each layer: shape of the output, kernel, parameters, multiply-adds, receptive field.
    """
    summary = alexnet.summarize(
        variant, size=size, num_classes=classes, activation=activation, lrn=lrn, pooling=pooling,
        dropout_form=dropout_form, dropout_place=dropout_place, towers=towers,
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (row.name, "×".join(map(str, row.output)), "×".join(map(str, row.kernel)),
         f"{row.parameters:,}" if row.parameters else "", f"{row.multiply_adds:,}" if row.multiply_adds else "",
         row.receptive_field)
        for row in summary.layers
    ]  # fmt: skip
    rows.append(("total", "", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}", None))
    header = ["layer", "output", "kernel", "parameters", "multiply-adds", "receptive field, px"]
    screen.table(header, rows, right=(3, 4, 5))
    screen.print(f"{summary.variant}: {summary.source}")
    if summary.switches:
        screen.print(f"changed: {', '.join(f'{name} = {value}' for name, value in summary.switches.items())}")
    screen.print_json(summary.to_dict())
