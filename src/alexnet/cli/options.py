"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError
from alexnet.figures.file_kinds import figure_kind
from alexnet.files import is_file, is_there, shown_name

if TYPE_CHECKING:
    from alexnet.data.folder import ImageFolder
    from alexnet.recipe import Recipe

__all__ = [
    "Corrections",
    "Csv",
    "Data",
    "FigureFile",
    "Json",
    "MovedTo",
    "Only",
    "Out",
    "Processes",
    "RunPath",
    "Settings",
    "check_figure",
    "choose_recipe",
    "corrected",
    "count_corrections",
    "parse_numbers",
    "parse_units_of",
    "refuse_options",
    "write_results",
]


def _set_json(is_asked: bool) -> bool:
    screen.as_json = screen.as_json or is_asked
    return is_asked


def check_figure(path: Path | None) -> Path | None:
    """Refuse a figure of an unknown kind before anything is computed."""
    if path is not None:
        figure_kind(path)
    return path


Json = Annotated[bool, typer.Option("--json", callback=_set_json, help="Print one JSON object and nothing else.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="A folder, .tar or .zip with a folder of images for each class, or shards.",
                   show_default=False),
]  # fmt: skip
MovedTo = Annotated[
    Path | None,
    typer.Option("--data", help="Where the run's images are now, if they were moved.", show_default=False),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", callback=check_figure, help="Figure to write: .png, .svg, .pdf.", show_default=False),
]
FigureFile = Annotated[
    Path | None,
    typer.Option("--figure", callback=check_figure, help="Figure to write: .png, .svg, .pdf.", show_default=False),
]
Csv = Annotated[Path | None, typer.Option(help="CSV file to write.", show_default=False)]
Corrections = Annotated[
    Path | None,
    typer.Option("--corrections", metavar="FILE", help="Corrections of labels to apply.", show_default=False),
]
Processes = Annotated[
    int, typer.Option(min=1, help="Processes that train together, each on its part of every batch.")
]
Only = Annotated[str | None, typer.Option(help="Kernels, for example 0,7,37 or conv1/0,conv1/7.", show_default=False)]
Preset = Annotated[str, typer.Option(help="Named recipe: {presets}.")]
RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        help="TOML file: a whole recipe, or settings that change the preset.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting; may be repeated.", show_default=False),
]


def corrected(
    data: Path, corrections: Path | None, *, min_classes: int = 2, show_notes: bool = True
) -> "ImageFolder":
    """The scanned folder with corrections of labels applied; without, a note if there are some.

    Args:
        min_classes: see `scan_folder`.
        show_notes: show the folder's notes, how many corrections apply among them, unless the command does.
    """
    if corrections is None:
        own = alexnet.corrections_path(data)
        if is_file(own):
            screen.note(f"{shown_name(own)} is not applied; `--corrections {shown_name(own)}` applies it")
        folder = alexnet.scan_folder(data, min_classes=min_classes)
    else:
        folder = alexnet.apply_corrections(data, corrections, min_classes=min_classes)
    if show_notes and alexnet.is_first_process():
        screen.tell(folder.notes)
    return folder


def count_corrections(folder: "ImageFolder") -> dict[str, int]:
    """How many corrections a command has applied, for its JSON object."""
    return {"num_corrections": len(folder.corrections)}


def parse_numbers(text: str | None, option: str = "--only") -> list[int] | None:
    """Numbers between commas or blanks; None if the option is not given.

    >>> parse_numbers("0, 7,37")
    [0, 7, 37]
    """
    if text is None:
        return None
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise RecipeError(f"{option} {text}: is not a list of numbers; give for example 0,7,37") from error


def parse_units_of(layer: str, text: str | None) -> list[int] | None:
    """Numbers of units of a layer, written as numbers or as addresses; None if the option is not given.

    >>> parse_units_of("conv1", "0, conv1/7")
    [0, 7]
    """
    if text is None:
        return None
    words = text.replace(",", " ").split()
    other = next((word for word in words if "/" in word and word.rpartition("/")[0] != layer), None)
    if other is not None:
        raise RecipeError(
            f"--only {other}: is not a unit of {layer}; choose its layer with --layer, or give {layer}/0"
        )
    return parse_numbers(" ".join(word.rpartition("/")[2] for word in words))


def choose_recipe(name: str, file: Path | None, settings: list[str] | None, **changes: Any) -> "Recipe":
    """The preset of a name, or the recipe of a TOML file (`load_recipe`), changed by single values and settings."""
    from alexnet.presets import PRESETS, as_recipe
    from alexnet.recipe import parse_settings
    from alexnet.recipe_file import load_recipe

    preset = as_recipe(name)
    if str(file) in PRESETS and not is_there(str(file)):
        raise RecipeError(f"{file} is a preset, not a file; write --preset {file}")
    recipe = load_recipe(file, base=preset) if file else preset
    recipe = recipe.replace(**{field: value for field, value in changes.items() if value is not None})
    return parse_settings(recipe, settings or [])


def refuse_options(message: str, **options: object) -> None:
    """Refuse options that another one leaves no use for.

    Args:
        message: the error, with `{options}` in the place of their names.
        options: their values by name; those that are None or False were not used.
    """
    used = [
        f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None and value is not False
    ]
    if used:
        raise RecipeError(message.replace("{options}", " and ".join(used)))


def write_results(result: Any, csv: Path | None, out: Path | None) -> None:
    """Write the CSV file and the figure that were asked for."""
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    if out is not None:
        screen.print(f"written: {alexnet.save_figure(result.draw(), out)}")
