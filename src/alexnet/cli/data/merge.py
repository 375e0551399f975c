"""`alexnet data merge`: the corrections of several users as one file."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import number_of, screen
from alexnet.errors import DataError

__all__ = ["merge"]


def merge(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Corrections files.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.", show_default=False)],
    later: Annotated[bool, typer.Option("--later", help="Where they differ, take the later decision.")] = False,
    as_json: Json = False,
) -> None:
    """Merge the corrections of several users.

    Where two users decided differently about an image, or saw different images of one name, nothing is written and
    the images are named; --later takes the later decision.
    """
    merged = alexnet.merge_corrections(files, prefer="later" if later else None)
    if merged.conflicts and not later:
        raise DataError(f"data merge: {'; '.join(merged.conflicts)}: agree on one and correct it, or give --later")
    alexnet.write_corrections(out, merged.corrections)
    screen.print(f"{number_of(len(merged.corrections), 'correction')} written to {out}")
    for conflict in merged.conflicts:
        screen.print(f"taken by time: {conflict}")
    screen.print_json({"path": str(out), **merged.to_dict()})
