"""Commands that look at runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alexnet.cli.options import Json, Out, RunPath
from alexnet.cli.show import percent, screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alexnet.runs.compare import Published

__all__ = ["compare", "confusion", "curves", "kernels", "maps", "mistakes", "report"]


def _save(figure: "Figure", out: Path | None, default: Path, values: dict[str, Any]) -> None:
    from alexnet.figures.canvas import save_figure

    path = save_figure(figure, out or default)
    screen.say(f"written: {path}")
    screen.give(values | {"figure": str(path)})


def mistakes(
    run: RunPath,
    order: Annotated[str, typer.Option(help="`confidence` or `pair`.")] = "confidence",
    export: Annotated[Path | None, typer.Option(help="Copy the images into this folder.", show_default=False)] = None,
    most: Annotated[int, typer.Option(min=1, max=600, help="Images on the figure.")] = 24,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """List the wrongly classified test images, draw them, and copy them out."""
    from alexnet.runs.run import open_run

    if order not in ("confidence", "pair"):
        raise RecipeError(f"--order {order}: choose confidence or pair")
    wrong = open_run(run).mistakes(order)  # type: ignore[arg-type]
    rows = [(p.file, p.true, p.predicted, percent(p.probability)) for p in wrong]
    screen.table(["file", "true", "predicted", "probability"], rows, right=(3,))
    if export is not None:
        copied = wrong.export(export)
        screen.say(f"copied: {len(copied)} images to {export}")
    if out is not None:
        _save(wrong.draw(most), out, out, wrong.to_dict())
    else:
        screen.give(wrong.to_dict())


def curves(run: RunPath, out: Out = None, as_json: Json = False) -> None:
    """Draw accuracy and loss over the training; also of a run that is still going on."""
    from alexnet.runs.run import open_run

    opened = open_run(run)
    values = {"run": str(run), "epochs": [epoch.to_dict() for epoch in opened.folder.epochs]}
    _save(opened.curves(), out, opened.folder.figures_dir / "curves.png", values)


def confusion(run: RunPath, out: Out = None, as_json: Json = False) -> None:
    """Draw who is taken for whom."""
    from alexnet.runs.run import open_run

    opened = open_run(run)
    evaluation = opened.evaluation
    values = {
        "run": str(run),
        "classes": list(evaluation.classes),
        "confusion": evaluation.to_dict()["confusion"],
    }
    _save(opened.confusion_matrix(), out, opened.folder.figures_dir / "confusion.png", values)


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise RecipeError(f"--only {text}: give numbers, for instance 0,7,37") from error


Only = Annotated[str | None, typer.Option(help="Numbers of kernels, e.g. 0,7,37.", show_default=False)]


def kernels(
    run: RunPath,
    layer: Annotated[str, typer.Option(help="conv1 to conv5.")] = "conv1",
    scale: Annotated[str, typer.Option(help="`common` to all kernels, or each its `own`.")] = "common",
    only: Only = None,
    channel: Annotated[int | None, typer.Option(help="Show this input map alone.", show_default=False)] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw the learned kernels of a convolutional layer."""
    from alexnet.runs.run import kernels_of, open_run

    if scale not in ("common", "own"):
        raise RecipeError(f"--scale {scale}: choose common or own")
    opened = open_run(run)
    found = kernels_of(opened, layer)
    figure = opened.draw_kernels(layer, scale=scale, chosen=_numbers(only), channel=channel)  # type: ignore[arg-type]
    values = {"run": str(run), "layer": layer, "shape": list(found.weights.shape), "scale": scale}
    _save(figure, out, opened.folder.figures_dir / f"kernels-{layer}.png", values)


def maps(
    run: RunPath,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    layer: Annotated[str, typer.Option(help="conv1 to pool5.")] = "conv1",
    only: Only = None,
    every: Annotated[bool, typer.Option("--all", help="Every map of the layer on one sheet.")] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw what a layer's kernels make of an image: image, kernel and map side by side."""
    from alexnet.runs.run import maps_of, open_run

    opened = open_run(run)
    found = maps_of(opened, image, layer)
    chosen = _numbers(only)
    if every and chosen is not None:
        raise RecipeError("--all and --only: give one of them")
    figure = opened.draw_feature_maps(image, layer, chosen=chosen, every=every)
    shown = found.strongest(3) if chosen is None else chosen
    values = {
        "run": str(run),
        "layer": layer,
        "shape": list(found.before.shape),
        "shown": "all" if every else shown,
    }
    default = opened.folder.figures_dir / f"maps-{layer}-{image.stem}.png"
    _save(figure, out, default, values)


def report(run: RunPath, as_json: Json = False) -> None:
    """Write a finished run's report.html and figures anew."""
    from alexnet.report.page import write_report
    from alexnet.runs.run import open_run

    opened = open_run(run)
    page = write_report(opened)
    screen.say(f"report: {page}")
    screen.give(opened.summary() | {"report": str(page)})


def _show_published(published: "Published") -> None:
    """The paper's figures beside the runs', and whether they may be compared."""
    rows = [
        (row.run, row.test_set, row.views, row.num_networks, percent(row.top1_error), percent(row.top5_error))
        for row in published.ours + published.results
    ]
    screen.table(["result", "test set", "views", "networks", "top-1 error", "top-5 error"], rows, right=(3, 4, 5))
    for row, said in zip(published.ours, published.reasons, strict=True):
        screen.say(f"{row.run}: {said}")


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Page (.html) or image to write.")] = Path(
        "comparison.html"
    ),
    published: Annotated[bool, typer.Option("--published", help="Put the paper's figures beside them.")] = False,
    as_json: Json = False,
) -> None:
    """Put runs beside each other: curves in columns, scores, settings that differ, mistakes fixed and broken."""
    from alexnet.report.page import write_comparison
    from alexnet.runs.compare import compare_runs
    from alexnet.runs.run import open_run

    opened = [open_run(path) for path in runs]
    comparison = compare_runs(opened, published=published)
    page = write_comparison(opened, out, published=published)
    rows = [
        (s["run"], percent(s["top1_error"]), " to ".join(percent(x) for x in s["top1_interval"]),
         f"{s['num_mistakes']} of {s['num_images']}", f"{s['seconds']:.0f}", f"{s['images_per_second']:.0f}")
        for s in comparison.scores
    ]  # fmt: skip
    screen.table(["run", "test error", "95 % interval", "mistakes", "seconds", "images/s"], rows, right=(1, 4, 5))
    screen.table(["setting", *comparison.runs], ((field, *map(str, v)) for field, v in comparison.settings.items()))
    for change in comparison.differences:
        screen.say(
            f"{change.before} → {change.after}: {len(change.fixed)} mistakes fixed, {len(change.broken)} broken "
            f"of {change.num_images} common images (sign test p = {change.p_value:.3g})"
        )
    if comparison.published:
        _show_published(comparison.published)
    screen.say(f"written: {page}")
    screen.give(comparison.to_dict() | {"page": str(page)})
