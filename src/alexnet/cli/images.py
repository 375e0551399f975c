"""Commands about folders of images: `alexnet data ...`."""

from pathlib import Path
from typing import Annotated

import typer

from alexnet.cli.options import Json
from alexnet.cli.show import TrainingScreen, screen

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

MOST_NAMED = 8
"""Files that the table names for each oddity; `--all` and `--json` name every one."""


@app.command()
def check(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder, .tar or .zip.", show_default=False)],
    every: Annotated[bool, typer.Option("--all", help="Name every file.")] = False,
    as_json: Json = False,
) -> None:
    """Open every file; show classes, counts and sizes, and what is odd, by name."""
    from alexnet.data.check import check_folder
    from alexnet.training.events import Progress

    with TrainingScreen(screen) as listener:
        report = check_folder(data, on_progress=lambda done, total: listener(Progress("decoding", done, total)))
    splits = list(report.counts)
    rows = [(name, *(report.counts[split][name] for split in splits)) for name in report.classes]
    rows.append(("total", *(sum(report.counts[split].values()) for split in splits)))
    screen.table(["class", *splits], rows, right=range(1, len(splits) + 1))
    formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
    screen.say(f"{report.num_images} images ({formats}) in {report.num_files} files")
    for said, (low, middle, high) in (("width", report.widths), ("height", report.heights)):
        screen.say(f"{said}: {low} to {high} px, median {middle}")
    for kind, names in report.oddities.items():
        screen.say(f"{kind}: {len(names)}")
        for name in names if every else names[:MOST_NAMED]:
            details = report.depths if kind == "more than 8 bits" else report.left_out
            reason = f" ({details[name]})" if name in details else ""
            screen.say(f"    {name}{reason}")
        if len(names) > MOST_NAMED and not every:
            screen.say(f"    and {len(names) - MOST_NAMED} more (--all)")
    for note in report.notes:
        screen.say(note)
    if not report.oddities:
        screen.say("nothing odd")
    screen.give(report.to_dict())


@app.command()
def soccer(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder to draw into.", show_default=False)],
    train: Annotated[int, typer.Option(min=8, help="Training images.")] = 5000,
    test: Annotated[int, typer.Option(min=8, help="Test images.")] = 1200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Draw practice images: eight classes of a soccer robot's view, drawn by this program, not photographed."""
    from alexnet.practice.soccer import SOCCER_CLASSES, draw_soccer_images

    with TrainingScreen(screen) as listener:

        def on_progress(done: int, total: int) -> None:
            from alexnet.training.events import Progress

            listener(Progress("drawing", done, total))

        draw_soccer_images(directory, num_train=train, num_test=test, seed=seed, on_progress=on_progress)
    screen.say(f"{train} training and {test} test images, drawn: {directory}")
    screen.give({"path": str(directory), "train": train, "test": test, "classes": list(SOCCER_CLASSES)})


@app.command()
def thousand(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder to draw into.", show_default=False)],
    classes: Annotated[int, typer.Option(min=2, max=1000, help="Classes.")] = 1000,
    train: Annotated[int, typer.Option(min=1, help="Training images of each class.")] = 20,
    test: Annotated[int, typer.Option(min=1, help="Test images of each class.")] = 5,
    size: Annotated[int, typer.Option(min=32, max=512, help="Side of the images, px.")] = 96,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Draw up to a thousand classes in ILSVRC's layout: shapes, textures and colours, drawn by this program."""
    from alexnet.practice.thousand import class_name, class_words, draw_thousand_classes

    with TrainingScreen(screen) as listener:

        def on_progress(done: int, total: int) -> None:
            from alexnet.training.events import Progress

            listener(Progress("drawing", done, total))

        draw_thousand_classes(
            directory, num_classes=classes, num_train=train, num_test=test, size=size, seed=seed,
            on_progress=on_progress,
        )  # fmt: skip
    screen.say(f"{classes} classes of {train} training and {test} test images, drawn: {directory}")
    named = {class_name(number): class_words(number) for number in range(classes)}
    screen.give({"path": str(directory), "train": classes * train, "test": classes * test, "classes": named})


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it.")] = False, as_json: Json = False
) -> None:
    """Show how much room the decoded images take, and free it."""
    from alexnet.data.cache import clear_cache, list_caches

    rows = list_caches()
    listed = [{"path": str(path), "bytes": num_bytes, "days": days} for path, num_bytes, days in rows]
    screen.table(["cache", "MB", "days old"], [(p, f"{b / 1e6:.0f}", f"{d:.1f}") for p, b, d in rows], right=(1, 2))
    freed = clear_cache() if clear else 0
    screen.say(f"freed {freed / 1e6:.0f} MB" if clear else f"{sum(b for _, b, _ in rows) / 1e6:.0f} MB in all")
    screen.give({"caches": listed, "freed_bytes": freed})
