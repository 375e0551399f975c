"""Write docs/settings.md and docs/commands.md anew from the code; `--check` only compares."""

import sys
from pathlib import Path
from typing import Any

import typer.main

from alexnet.cli.main import app
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
        lines.append(f"| `{field}` | {values} | {info.description} |")
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
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    return [row for name, child in children.items() for row in _walk(f"{path} {name}", child)]


def main() -> int:
    """Write both pages, or with `--check` say which is out of date."""
    stale = []
    for name, text in (("settings.md", settings_page()), ("commands.md", commands_page())):
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
