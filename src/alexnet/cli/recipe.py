"""`alexnet recipe`: all settings of a preset."""

from typing import Annotated

import typer

from alexnet.cli.options import Json, choose_recipe
from alexnet.cli.screen import screen

__all__ = ["recipe"]


def recipe(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="{presets}.")] = "fast",
    as_json: Json = False,
) -> None:
    """Print a preset as TOML, with the meaning of each setting.

    Save the output as a file, edit it, and pass it to `alexnet train --recipe`; what the file leaves out is not set.
    """
    chosen = choose_recipe(preset, None, None)
    if not screen.as_json:
        for line in chosen.to_toml(explained=True).splitlines():
            screen.print(line)
    screen.print_json(chosen.model_dump())
