"""`alexnet data apply`: a corrected copy of a folder."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Data, Json
from alexnet.cli.progress import ProgressDisplay
from alexnet.cli.screen import number_of, screen

__all__ = ["apply"]


def apply(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="Corrections file.", show_default="DATA/corrections.csv")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a corrected copy of a folder.

    Files of the copy are hard links where the disk allows it; the originals stay where they are.
    """
    scanned = alexnet.scan_folder(data, min_classes=1)
    folder = alexnet.apply_corrections(scanned, corrections or alexnet.corrections_path(data))
    with ProgressDisplay() as display:
        copy = alexnet.write_corrected_copy(folder, out, on_progress=display.count("copying"))
    for note in folder.notes:
        screen.print(note)
    screen.print(f"{number_of(copy.num_images, 'image')} in {out}, {copy.num_linked:,} of them hard links")
    screen.print_json(copy.to_dict())
