"""`alexnet kernels`: the learned kernels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import alexnet
from alexnet.cli.options import Json, Only, Out, parse_units_of, refuse_options
from alexnet.cli.page_or_figure import print_written
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError, RunError

__all__ = ["kernels"]

FIRST = "conv1"
"""The layer whose change, kinds and film are known."""


def kernels(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a weight file.", show_default=False)],
    layer: Annotated[str | None, typer.Option(help="conv1 to conv5.", show_default="conv1")] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Color scale: `common` to all kernels, or each kernel's `own`.", show_default="common"),
    ] = None,
    only: Only = None,
    channel: Annotated[int | None, typer.Option(help="Show only this input channel.", show_default=False)] = None,
    show: Annotated[
        str | None,
        typer.Option(
            help="`kernels`; of conv1 also `change`, `kinds` (edges, bars, blobs) or `orientations`.",
            show_default="kernels",
        ),
    ] = None,
    film: Annotated[
        Path | None, typer.Option(help="Write conv1 after every epoch: .html, .gif, .apng.", show_default=False)
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw the learned kernels of a convolutional layer.

    Of conv1 a line says how far its kernels moved from their start.
    """
    layer = layer or FIRST
    chosen = parse_units_of(layer, only)
    if film is not None:
        _refuse("--film", scale=scale, channel=channel, show=show, out=out)
        return _film(run, layer, film, chosen)
    if show in (None, "kernels"):
        return _sheet(run, layer, scale or "common", chosen, channel, out)
    _refuse(f"--show {show}", scale=scale, channel=channel)
    return _first_layer(run, layer, str(show), chosen, out)


def _refuse(option: str, **others: object) -> None:
    refuse_options(f"{option} has no use for {{options}}; leave out {{options}}", **others)


def _require_first(option: str, layer: str) -> None:
    if layer != FIRST:
        raise RecipeError(f"{option}: is for the first layer; leave out --layer {layer}")


def _film(run: Path, layer: str, film: Path, chosen: Sequence[int] | None) -> None:
    _require_first("--film", layer)
    history = alexnet.kernel_history(run)
    screen.print(str(history.summary()))
    path = alexnet.write_kernel_film(run, film, chosen=chosen)
    print_written([path], {"run": str(run)} | history.to_dict())


def _sheet(
    run: Path, layer: str, scale: str, chosen: Sequence[int] | None, channel: int | None, out: Path | None
) -> None:
    if scale not in ("common", "own"):
        raise RecipeError(f"--scale {scale}: choose common or own")
    learned = alexnet.kernels(run, layer)
    values: dict[str, Any] = {"run": str(run), "layer": layer, "shape": list(learned.weights.shape), "scale": scale}
    caption = ""
    if layer == FIRST and not run.is_file():
        try:
            history = alexnet.kernel_history(run)
        except RunError as error:  # the kernels themselves are there
            screen.note(str(error))
        else:
            caption = str(history.summary())
            screen.print(caption)
            values["history"] = history.to_dict()
    figure = learned.draw(scale=scale, chosen=chosen, channel=channel, caption=caption)  # type: ignore[arg-type]
    print_written([alexnet.save_figure(figure, out or _default(run, f"kernels-{layer}.png"))], values)


def _default(run: Path, name: str) -> Path:
    """Where a figure goes without --out: into the run, or for a weight file into the current folder."""
    return Path(f"{run.stem}-{name}") if run.is_file() else alexnet.open_run(run).folder.figure_path(name)


def _first_layer(run: Path, layer: str, show: str, chosen: Sequence[int] | None, out: Path | None) -> None:
    """What is known of the first layer alone: how it moved, and what its kernels detect."""
    draw = {"kinds": alexnet.draw_first_layer, "orientations": alexnet.draw_orientations}
    if show not in ("change", *draw):
        raise RecipeError(f"--show {show}: choose kernels, change, {', '.join(draw)}")
    _require_first(f"--show {show}", layer)
    if show == "change":
        history = alexnet.kernel_history(run)
        summary, values = str(history.summary()), history.to_dict()
        figure = alexnet.draw_kernel_change(run, chosen=chosen)
    else:
        _refuse(f"--show {show}", only=chosen)
        statistics = alexnet.kernel_statistics(run)
        summary, values = str(statistics), statistics.to_dict()
        figure = draw[show](run)
    screen.print(summary)
    path = alexnet.save_figure(figure, out or _default(run, f"kernels-conv1-{show}.png"))
    print_written([path], {"run": str(run), "show": show} | values)
