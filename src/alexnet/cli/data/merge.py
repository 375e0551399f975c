"""`alexnet data merge`: the corrections of several users as one file."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Json
from alexnet.cli.screen import number_of, screen
from alexnet.errors import DataError
from alexnet.files import is_file, shown_name

__all__ = ["merge"]


def merge(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Corrections files.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.", show_default=False)],
    later: Annotated[bool, typer.Option("--later", help="Where decisions differ, keep the later one.")] = False,
    as_json: Json = False,
) -> None:
    """Merge the corrections of several users.

    Where two users decided differently about an image, or saw different images of one name, nothing is written and
    the images are named; --later keeps the later decision.
    """
    if is_file(out) and out.resolve() not in [path.resolve() for path in files]:
        raise DataError(
            f"{shown_name(out)}: is there already; name it among the files to merge, or choose another --out"
        )
    merged = alexnet.merge_corrections(files, prefer="later" if later else None)
    if merged.conflicts and not later:
        raise DataError(f"data merge: {'; '.join(merged.conflicts)}: agree on one and correct it, or give --later")
    alexnet.write_corrections(out, merged.corrections)
    screen.print(f"{number_of(len(merged.corrections), 'correction')} written to {out}")
    for conflict in merged.conflicts:
        screen.print(f"the later decision counts: {conflict}")
    screen.print_json({"path": str(out), **merged.to_dict()})
