"""`alexnet data correct`: decide about labels; the images stay as they are."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Data, Json
from alexnet.cli.screen import number_of, screen
from alexnet.errors import DataError

__all__ = ["correct"]


def correct(
    data: Data,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Images by name, as the commands print them.", show_default=False),
    ] = None,
    to: Annotated[str | None, typer.Option(help="They are of this class.", show_default=False)] = None,
    both: Annotated[str | None, typer.Option(help="They are of this class too.", show_default=False)] = None,
    exclude: Annotated[bool, typer.Option("--exclude", help="Do not use them.")] = False,
    fine: Annotated[bool, typer.Option("--fine", help="Their labels are correct.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last correction, or those of FILE.")] = False,
    who: Annotated[str | None, typer.Option(help="Who decides.", show_default="the user's name")] = None,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="The file.", show_default="DATA/corrections.csv")
    ] = None,
    as_json: Json = False,
) -> None:
    """Relabel or exclude images in a corrections file.

    Images are never changed: commands read the file with --corrections. Without FILE, the corrections are listed.
    """
    path = corrections or alexnet.corrections_path(data)
    asked = [word for word, value in (("relabel", to), ("both", both), ("exclude", exclude), ("fine", fine)) if value]
    if undo:
        for name in files or [None]:  # type: ignore[list-item]
            line = alexnet.undo_correction(path, name)
            screen.print(f"taken back: {line.file} {line.action} {line.to}".rstrip())
    elif files and len(asked) == 1:
        decided = alexnet.correct(data, files, asked[0], to=to or both or "", who=who, path=path)
        screen.print(f"{number_of(len(decided), 'correction')} written to {path}")
    elif files:
        raise DataError("data correct: give one of --to CLASS, --both CLASS, --exclude and --fine")
    _list(path)


def _list(path: Path) -> None:
    lines = alexnet.read_corrections(path)
    rows = [(line.file, line.action, line.to, line.who, line.when) for line in lines]
    screen.table(["file", "action", "to", "who", "when"], rows)
    screen.print_json({"corrections": [line.to_dict() for line in lines], "path": str(path)})
