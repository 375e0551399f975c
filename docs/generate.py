"""Write docs/settings.md, docs/commands.md and docs/variants.md anew from the code; `--check` only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from alexnet.cli.main import app
from alexnet.model.differences import PARTS, Differences, diff_variants, shown_value
from alexnet.model.specs import Inputs, LayerSpec, NetworkSpec
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe

HERE = Path(__file__).parent


def settings_page() -> str:
    """A table of every field of the recipe with its value in each preset."""
    lines = [
        "# Settings",
        "",
        "Every field of a recipe: `--set field=value`, or a line of a TOML file given with `--recipe`.",
        "`alexnet recipe PRESET` prints such a file. (Written by `make docs`.)",
        "",
        "| setting | " + " | ".join(PRESETS) + " | meaning |",
        "|---|" + "---|" * len(PRESETS) + "---|",
    ]
    for field, info in Recipe.model_fields.items():
        values = " | ".join(f"{getattr(recipe, field)}" for recipe in PRESETS.values())
        lines.append(f"| `{field}` | {values} | {' '.join((info.description or '').split())} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every command."""
    lines = ["# Commands", "", "What `alexnet COMMAND --help` says. (Written by `make docs`.)", ""]
    root: Any = typer.main.get_command(app)
    for name, command in _walk("alexnet", root):
        lines += [f"## `{name}`", "", command.help or "", "", "| word | meaning |", "|---|---|"]
        for parameter in command.params:
            said = getattr(parameter, "help", "") or ""
            words = getattr(parameter, "opts", [])
            is_option = words[0].startswith("-")
            shown = " ".join(words) if is_option else getattr(parameter, "metavar", None) or words[0].upper()
            lines.append(f"| `{shown}` | {said} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _walk(path: str, command: Any) -> list[tuple[str, Any]]:
    """Every command with its words; in brackets one that may be left out."""
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    words = {name: f"[{name}]" if name == getattr(command, "fallback", None) else name for name in children}
    return [row for name, child in children.items() for row in _walk(f"{path} {words[name]}", child)]


def variants_page() -> str:
    """A table of every network with the source of each number, and what differs from the paper's."""
    differences = {name: diff_variants("paper", name) for name in VARIANTS}
    lines = [
        "# Variants",
        "",
        "Each network that goes by the name of AlexNet: its layers in order, every value with its source, its start",
        "values, and the preprocessing it was made for. `alexnet model NAME` prints its shapes and counts,",
        "`alexnet model diff NAME NAME` what differs between two. (Written by `make docs`.)",
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
            f"{totals.multiply_adds:,} multiply-adds; maps in px: {maps}.",
            "",
            "| layer | what | place and values | source |",
            "|---|---|---|---|",
            *_variant_rows(spec),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _variant_rows(spec: NetworkSpec) -> Iterator[str]:
    """Lines of a table: one for each source of a layer, with all that it gives."""
    parts: list[tuple[str, LayerSpec | Inputs]] = [(layer.name, layer) for layer in spec.layers]
    behind = ["the image", *(layer.name for layer in spec.layers)]
    for place, (name, part) in enumerate([*parts, ("inputs", spec.inputs)]):
        said: dict[str, list[str]] = {}
        if name != "inputs":
            said[part.source_of("place")] = [f"behind {behind[place]}"]
        for field, value in part.values().items():
            if field != "name":
                said.setdefault(part.source_of(field), []).append(f"{field} {shown_value(field, value)}")
        shown = [name, type(part).__name__]
        for source, values in said.items():
            yield f"| {' | '.join(shown)} | {'; '.join(values)} | {source} |"
            shown = ["", ""]


def _matrix(differences: dict[str, Differences]) -> list[str]:
    """What each variant has another way than `paper`; an empty cell is as in `paper`."""
    rows: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for name, found in differences.items():
        for row in found.rows:
            key = (row.part, row.layer, row.field, shown_value(row.field, row.first))
            rows.setdefault(key, {})[name] = shown_value(row.field, row.second)
    others = [name for name in differences if name != "paper"]
    tables = (*VARIANTS.values(), VARIANTS["paper"])  # the last says where a layer stands
    places = {layer.name: place for spec in tables for place, layer in enumerate(spec.layers)}
    lines = ["## What differs from `paper`", "", "An empty cell is as in `paper`.", ""]
    for part in PARTS:
        lines += [f"| {part} | | paper | {' | '.join(others)} |", "|" + "---|" * (len(others) + 3)]
        keys = sorted((key for key in rows if key[0] == part), key=lambda key: places.get(key[1], 0))
        for key in keys:
            cells = (*key[1:], *(rows[key].get(name, "") for name in others))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines


def main() -> int:
    """Write the pages, or with `--check` say which are out of date."""
    stale = []
    pages = {"settings.md": settings_page(), "commands.md": commands_page(), "variants.md": variants_page()}
    for name, text in pages.items():
        path = HERE / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run make docs")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
