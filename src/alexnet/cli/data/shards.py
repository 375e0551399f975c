"""`alexnet data shards`: a folder as tars, for more images than a disk holds."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Corrections, Data, Json, corrected, count_corrections
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, screen

__all__ = ["shards"]


def shards(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    shard_mb: Annotated[float, typer.Option(min=0.01, help="Size of each tar, MB.")] = 32.0,
    test_fraction: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Fraction for testing, where DATA has no test images.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the order.")] = 0,
    corrections: Corrections = None,
    as_json: Json = False,
) -> None:
    """Write a folder as shards: tars in the WebDataset format.

    Train on them with `alexnet train OUT`, or from any HTTP server: `alexnet train URL/shards.json`. DATA may also
    be a folder of such tars. If it is interrupted, the same command continues.
    """
    folder = corrected(data, corrections)
    with ProgressDisplay() as display:
        made = alexnet.write_shards(
            folder, out, seed=seed, shard_mb=shard_mb, test_fraction=test_fraction,
            on_progress=display.count("writing"),
        )  # fmt: skip
    counts = {split: made.num_images(split) for split in ("train", "validation", "test")}
    parts = ", ".join(f"{count:,} {split}" for split, count in counts.items() if count)
    screen.print(f"{parts} images in {number_of(len(made.shards), 'shard')}, {made.num_bytes / 1e6:,.0f} MB: {out}")
    if made.left_out:
        screen.print(f"{number_of(made.left_out, 'file')} left out: not an image, or unreadable")
    screen.print_json(
        {"path": str(out), "classes": made.classes, "images": counts, "left_out": made.left_out, "seed": made.seed,
         "bytes": made.num_bytes, "shards": [shard.to_dict() for shard in made.shards]}
        | count_corrections(folder)
    )  # fmt: skip
