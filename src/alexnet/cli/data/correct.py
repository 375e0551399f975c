"""`alexnet data correct`: decide about labels; the images stay as they are."""

from pathlib import Path
from typing import Annotated

import typer

import alexnet
from alexnet.cli.options import Data, Json
from alexnet.cli.screen import number_of, screen
from alexnet.errors import DataError
from alexnet.files import address_of, is_there, shown_name

__all__ = ["correct"]

ACTIONS = {"--to": "relabel", "--both": "both", "--exclude": "exclude", "--fine": "fine"}

MOST_NAMED = 20
"""Classes that are named, at most."""


def correct(
    data: Data,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Images by name, as the commands print them.", show_default=False),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Relabel the images as this class.", show_default=False)] = None,
    both: Annotated[
        str | None, typer.Option(help="Accept this class, too, besides the label.", show_default=False)
    ] = None,
    exclude: Annotated[bool, typer.Option("--exclude", help="Leave the images out.")] = False,
    fine: Annotated[bool, typer.Option("--fine", help="Confirm the labels.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo the last correction, or the last one of each FILE.")
    ] = False,
    who: Annotated[
        str | None, typer.Option(help="Name to record with the decision.", show_default="the user's name")
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option("--corrections", help="Corrections file.", show_default="DATA/corrections.csv")
    ] = None,
    as_json: Json = False,
) -> None:
    """Relabel or exclude images in a corrections file.

    The images stay as they are; other commands apply the corrections if you give them the file as --corrections.
    Without FILE, the corrections are listed.
    """
    path = corrections or alexnet.corrections_path(data)
    decisions = {"--to": to, "--both": both, "--exclude": exclude or None, "--fine": fine or None}
    asked = [option for option, value in decisions.items() if value is not None]
    _require_sense(data, files, asked if who is None else [*asked, "--who"], undo)
    if undo:
        for name in files or [None]:  # type: ignore[list-item]
            line = alexnet.undo_correction(path, name)
            screen.print(f"taken back: {line.file} {line.action} {line.to}".rstrip())
    elif files:
        if len(asked) != 1:
            raise DataError("data correct: give one of --to CLASS, --both CLASS, --exclude and --fine")
        folder = alexnet.scan_folder(data, min_classes=1)
        decided = alexnet.correct(folder, files, ACTIONS[asked[0]], to=to or both or "", who=who, path=path)
        screen.print(f"{number_of(len(decided), 'correction')} written to {path}")
        if decided[0].to and decided[0].to not in folder.classes:
            known = ", ".join(folder.classes[:MOST_NAMED])
            screen.note(f"{decided[0].to} is a new class: the folder has {known}; --undo takes the correction back")
    _list(path)


def _require_sense(data: Path, files: list[str] | None, asked: list[str], undo: bool) -> None:
    """Refuse options that would be ignored, and a folder that is not there."""
    if address_of(data) is None and not is_there(data):
        raise DataError(f"{shown_name(data)}: no such file or folder; check the path")
    if undo and asked:
        raise DataError(f"data correct: --undo takes no {asked[0]}; first undo, then correct anew")
    if asked and not files:
        raise DataError(f"data correct: {asked[0]} needs images; name them after the folder, as `doubts` prints them")


def _list(path: Path) -> None:
    lines = alexnet.read_corrections(path)
    rows = [(line.file, line.action, line.to, line.who, line.when) for line in lines]
    screen.table(["file", "action", "to", "who", "when"], rows)
    screen.print_json({"corrections": [line.to_dict() for line in lines], "path": str(path)})
