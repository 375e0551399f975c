"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import alexnet
from alexnet.cli.screen import screen
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.data.folder import ImageFolder
    from alexnet.recipe import Recipe

__all__ = [
    "Corrections",
    "Csv",
    "Data",
    "Json",
    "Only",
    "Out",
    "Processes",
    "RunPath",
    "Settings",
    "choose_recipe",
    "corrected",
    "parse_numbers",
    "write_results",
]


def _set_json(is_asked: bool) -> bool:
    screen.as_json = screen.as_json or is_asked
    return is_asked


Json = Annotated[bool, typer.Option("--json", callback=_set_json, help="Print one JSON object and nothing else.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)]
Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="A folder, .tar or .zip with a folder of images for each class, or shards.",
                   show_default=False),
]  # fmt: skip
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Figure to write: .png, .svg, .pdf.", show_default=False)
]
Csv = Annotated[Path | None, typer.Option(help="CSV file to write.", show_default=False)]
Corrections = Annotated[
    Path | None,
    typer.Option("--corrections", metavar="FILE", help="Corrections of labels to apply.", show_default=False),
]
Processes = Annotated[
    int, typer.Option(min=1, help="Processes that train together, each on its part of every batch.")
]
Only = Annotated[str | None, typer.Option(help="Numbers of kernels, for example 0,7,37.", show_default=False)]
Preset = Annotated[str, typer.Option(help="Named recipe: {presets}.")]
RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe", metavar="FILE", help="TOML file with settings that change the preset.", show_default=False
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting; may be repeated.", show_default=False),
]


def corrected(data: Path, corrections: Path | None) -> "ImageFolder | Path":
    """The folder with corrections of labels applied; the path itself without."""
    if corrections is None:
        return data
    import alexnet

    return alexnet.apply_corrections(data, corrections)


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


def choose_recipe(name: str, file: Path | None, settings: list[str] | None, **changes: Any) -> "Recipe":
    """The preset of a name, changed by a TOML file, by single values that are not None, and by settings."""
    from alexnet.presets import PRESETS, as_recipe
    from alexnet.recipe import load_recipe, parse_settings

    preset = as_recipe(name)
    if str(file) in PRESETS and not Path(str(file)).exists():
        raise RecipeError(f"{file} is a preset, no file; write --preset {file}")
    recipe = load_recipe(file, base=preset) if file else preset
    recipe = recipe.replace(**{field: value for field, value in changes.items() if value is not None})
    return parse_settings(recipe, settings or [])


def write_results(result: Any, csv: Path | None, out: Path | None) -> None:
    """Write the CSV file and the figure that were asked for."""
    if csv is not None:
        screen.print(f"written: {result.save_csv(csv)}")
    if out is not None:
        screen.print(f"written: {alexnet.save_figure(result.draw(), out)}")
