"""Write settings.md, commands.md, variants.md and api.md from the code; `--check` only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from api_page import api_page

from alexnet.cli.commands import app
from alexnet.model.differences import PARTS, Differences, diff_variants, shown_value
from alexnet.model.specs import Inputs, LayerSpec, NetworkSpec
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.training.sizing import size_recipe

HERE = Path(__file__).parent


def settings_page() -> str:
    """A table of every field of the recipe with its value in each preset."""
    lines = [
        "# Settings",
        "",
        "Every field of a recipe: set it with `--set field=value`, or in a TOML file given with `--recipe`.",
        "`alexnet recipe PRESET` prints such a file, and a run keeps its own as `recipe.toml`. A file that names",
        "most settings is a whole recipe and takes nothing from a preset; one with a few settings changes it.",
        'In a file, `start_size = "none"` unsets a setting. (Written by `make docs`.)',
        "",
        "| setting | " + " | ".join(PRESETS) + " | meaning |",
        "|---|" + "---|" * len(PRESETS) + "---|",
    ]
    for field, info in Recipe.model_fields.items():
        values = " | ".join(f"{getattr(recipe, field)}" for recipe in PRESETS.values())
        lines.append(f"| `{field}` | {values} | {' '.join((info.description or '').split())} |")
    return "\n".join([*lines, "", *_auto_lines()]) + "\n"


IMAGES_A_CLASS = ((8, 10), (8, 40), (8, 160), (8, 800), (1000, 1000))
"""Classes and training images of each, for which the settings page shows what `auto` chooses."""


def _auto_lines() -> list[str]:
    """What is chosen for folders of some sizes where a setting is `auto`."""
    lines = [
        "## What `auto` chooses",
        "",
        "By the number of training images, with those set apart for validation. `alexnet train DATA --plan` shows",
        "what it chooses for a folder, and `--set` changes any of it. Crops are those of `fast`.",
        "",
        "| training images | epochs | batch | steps | a crop keeps | for validation | epochs, `finetune` |",
        "|---|---|---|---|---|---|---|",
    ]
    for classes, per_class in IMAGES_A_CLASS:
        count = classes * per_class
        sized, tuned = (
            size_recipe(PRESETS["fast"], count),
            size_recipe(PRESETS["finetune"].replace(weights="w"), count),
        )
        batch, validation = min(sized.batch_size, count), sized.validation_fraction
        train = count - round(validation * count)
        lines.append(
            f"| {count:,}: {per_class:,} of each of {classes:,} classes | {sized.epochs} | {batch} "
            f"| {sized.epochs * (train // batch):,} | {sized.crop_scale:.0%} or more of the area "
            f"| {f'{validation:.0%}' if validation else 'none'} | {tuned.epochs} |"
        )
    return lines


def commands_page() -> str:
    """The help of every command."""
    lines = [
        "# Commands",
        "",
        "Every command with its arguments and options, as in `alexnet COMMAND --help`. (Written by `make docs`.)",
        "",
    ]
    root: Any = typer.main.get_command(app)
    for name, command in _walk("alexnet", root):
        lines += [f"## `{name}`", "", command.help or "", "", "| argument or option | meaning |", "|---|---|"]
        for parameter in command.params:
            options = [*getattr(parameter, "opts", []), *getattr(parameter, "secondary_opts", [])]
            is_option = options[0].startswith("-")
            metavar = getattr(parameter, "metavar", None)
            shown = (
                " ".join([*options, *([metavar] if metavar else [])]) if is_option else metavar or options[0].upper()
            )
            lines.append(f"| `{shown}` | {_cell(getattr(parameter, 'help', '') or '')}{_default(parameter)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _default(parameter: Any) -> str:
    """What holds where an option or argument is left out, as its help says it."""
    shown = getattr(parameter, "show_default", None)
    if not isinstance(shown, str):
        is_plain = shown and not isinstance(parameter.default, bool) and parameter.default not in (None, (), [], "")
        shown = f"`{parameter.default}`" if is_plain else None
    return f" Default: {shown}." if shown else ""


def _cell(text: str) -> str:
    """Text for one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _walk(path: str, command: Any) -> list[tuple[str, Any]]:
    """Every command under its full name; a subcommand that may be left out is in brackets."""
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    names = {name: f"[{name}]" if name == getattr(command, "fallback", None) else name for name in children}
    return [row for name, child in children.items() for row in _walk(f"{path} {names[name]}", child)]


def variants_page() -> str:
    """A table of every network with the source of each number, and how it differs from the paper's."""
    differences = {name: diff_variants("paper", name) for name in VARIANTS}
    lines = [
        "# Variants",
        "",
        "Every network that is called AlexNet: its layers in order, each value with its source, its initialization,",
        "and the preprocessing it was made for. `alexnet model NAME` prints shapes and counts,",
        "`alexnet model diff NAME NAME` the differences between two. (Written by `make docs`.)",
        "",
        "In the sources, paper is Krizhevsky, Sutskever & Hinton, NIPS 2012; layers-145.cfg, layers-145-half.cfg,",
        "layer-params-145.cfg, layer.py, convdata_jpeg.py and src/layer.cu are files of the authors' 2012 program,",
        "which the Computer History Museum published (computerhistory/AlexNet-Source-Code, commit 2f8b81f).",
        "",
        *_matrix(differences),
    ]
    for name, spec in VARIANTS.items():
        totals = differences[name].second
        maps = ", ".join(f"{layer} {px}" for layer, px in totals.maps.items())
        lines += [
            f"## {name}",
            "",
            f"Source: {spec.source}.",
            "",
            f"At its own {totals.size} px and 1000 classes: {totals.parameters:,} parameters,",
            f"{totals.multiply_adds:,} multiply-adds; feature maps in px: {maps}.",
            "",
            "| layer | type | position and values | source |",
            "|---|---|---|---|",
            *_variant_rows(spec),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _variant_rows(spec: NetworkSpec) -> Iterator[str]:
    """Rows of a table: one for each source of a layer, with every value from it."""
    parts: list[tuple[str, LayerSpec | Inputs]] = [(layer.name, layer) for layer in spec.layers]
    before = ["the image", *(layer.name for layer in spec.layers)]
    for position, (name, part) in enumerate([*parts, ("inputs", spec.inputs)]):
        by_source: dict[str, list[str]] = {}
        if name != "inputs":
            by_source[part.source_of("place")] = [f"after {before[position]}"]
        for field, value in part.values().items():
            if field != "name":
                by_source.setdefault(part.source_of(field), []).append(f"{field} {shown_value(field, value)}")
        cells = [name, type(part).__name__]
        for source, values in by_source.items():
            yield f"| {' | '.join(cells)} | {'; '.join(values)} | {source} |"
            cells = ["", ""]


def _matrix(differences: dict[str, Differences]) -> list[str]:
    """How each variant differs from `paper`; an empty cell means: as in `paper`."""
    rows: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for name, difference in differences.items():
        for row in difference.rows:
            key = (row.part, row.layer, row.field, shown_value(row.field, row.first))
            rows.setdefault(key, {})[name] = shown_value(row.field, row.second)
    others = [name for name in differences if name != "paper"]
    tables = (*VARIANTS.values(), VARIANTS["paper"])  # the last one decides the order of the layers
    positions = {layer.name: position for spec in tables for position, layer in enumerate(spec.layers)}
    lines = ["## Differences from `paper`", "", "An empty cell means: as in `paper`.", ""]
    for part in PARTS:
        lines += [f"| {part} | | paper | {' | '.join(others)} |", "|" + "---|" * (len(others) + 3)]
        keys = sorted((key for key in rows if key[0] == part), key=lambda key: positions.get(key[1], 0))
        for key in keys:
            cells = (*key[1:], *(rows[key].get(name, "") for name in others))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "variants.md": variants_page, "api.md": api_page}


def main() -> int:
    """Write the pages, or with `--check` name those that are out of date."""
    texts = {name: make() for name, make in PAGES.items()}
    if "--check" not in sys.argv:
        for name, text in texts.items():
            (HERE / name).write_text(text, encoding="utf-8")
        return 0
    old = {path.name: path.read_text(encoding="utf-8") for path in HERE.glob("*.md")}
    stale = [name for name, text in texts.items() if old.get(name) != text]
    if stale:
        print(f"out of date: {', '.join(stale)}; run make docs")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
