"""The commands: which file holds each one, and how help lists them. A file is imported when its command is needed."""

import re
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import alexnet
from alexnet.cli.screen import screen

__all__ = ["Group", "app"]

PANELS = {
    "Train": ("train", "resume", "studio"),
    "Evaluate": ("evaluate", "predict", "compare"),
    "Look inside a run": ("mistakes", "curves", "confusion", "kernels", "maps", "report", "export"),
    "Ask the network": ("inside", "unit", "map", "edit", "neighbours", "why", "ablate", "calibrate", "features"),
    "Convolve": ("convolve", "convolve trace", "convolve teach", "convolve lab", "convolve like", "convolve kernels"),
    "Questions about the images": ("doubts", "shortcuts", "enough", "retrain"),
    "Images": (
        "data check",
        "data odd",
        "data correct",
        "data merge",
        "data apply",
        "data shards",
        "data spoil",
        "data soccer",
        "data thousand",
        "data cache",
    ),
    "Networks and recipes": ("model", "model diff", "model check", "recipe"),
}
"""What `alexnet --help` lists, by panel."""

FALLBACKS = {"convolve": "apply", "model": "show"}
"""The subcommand of a group whose name may be left out: `alexnet model NAME` is `alexnet model show NAME`."""

GROUPS = {
    "convolve": ("apply", "trace", "teach", "lab", "like", "kernels"),
    "data": ("check", "odd", "correct", "merge", "apply", "shards", "spoil", "soccer", "thousand", "cache"),
    "model": ("show", "diff", "check"),
}
COMMANDS = tuple(dict.fromkeys(path.split()[0] for paths in PANELS.values() for path in paths))

HELP = {
    "convolve": "Convolve images with kernels.\n\n`alexnet convolve IMAGE` is short for "
    "`alexnet convolve apply IMAGE`.",
    "data": "Check and correct a folder of images, write it as shards, plant faults in a copy, draw practice images.",
    "model": "Print networks, and check whether one will train.\n\n`alexnet model NAME` is short for "
    "`alexnet model show NAME`.",
}

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class LazyCommands(MutableMapping[str, Any]):
    """Commands by name, each built when it is first asked for."""

    def __init__(self, prefix: str, names: tuple[str, ...]) -> None:
        self._prefix, self._names = prefix, names
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._built:
            self._built[name] = _build(f"{self._prefix} {name}".strip())
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]


class Group(TyperGroup):
    """A group whose commands are imported on demand; words that name no subcommand belong to `fallback`."""

    prefix = ""
    names: tuple[str, ...] = COMMANDS

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands(self.prefix, self.names)
        self.fallback = FALLBACKS.get(self.prefix)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `fallback` before words that name no subcommand and do not ask for help."""
        if self.fallback and (not args or (args[0] not in self.names and args[0] not in ctx.help_option_names)):
            args = [self.fallback, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """List the commands by panel, each with the whole first line of its help; no command is built for that."""
        panels = {"Commands": tuple(f"{self.prefix} {name}" for name in self.names)} if self.prefix else PANELS
        width = max(len(path) for paths in panels.values() for path in paths) - len(self.prefix)
        for title, paths in panels.items():
            with formatter.section(title):
                rows = [(path.removeprefix(self.prefix).strip().ljust(width), _first_line(path)) for path in paths]
                formatter.write_dl(rows)


def _function(path: str) -> Any:
    """The function of a command such as `data check`, which is `check` in cli/data/check.py."""
    path = f"{path} {FALLBACKS[path]}" if path in FALLBACKS else path
    module = import_module(f"alexnet.cli.{path.replace(' ', '.')}")
    return getattr(module, path.split()[-1])


def _first_line(path: str) -> str:
    return (_function(path).__doc__ or "").partition("\n")[0]


def _build(path: str) -> Any:
    """The command or group of a path, as an object of typer's."""
    name = path.split()[-1]
    if path in GROUPS:
        kind = type(f"{name.title()}Group", (Group,), {"prefix": path, "names": GROUPS[path]})
        metavar = "[COMMAND] [ARGS]..." if path in FALLBACKS else None
        part = typer.Typer(
            cls=kind, help=HELP[path], callback=_no_options, subcommand_metavar=metavar, no_args_is_help=True,
            add_completion=False, rich_markup_mode=None, context_settings=HELP_OPTIONS,
        )  # fmt: skip
    else:
        part = typer.Typer(add_completion=False, rich_markup_mode=None)
        part.command(name)(_function(path))
    command = get_command(part)
    command.name = name
    for parameter in command.params:
        _fill_in_names(parameter)
        _show_type_of_one(parameter)
    return command


def _fill_in_names(parameter: Any) -> None:
    """Replace `{presets}` and `{variants}` in a help text by their names, which are loaded only then."""
    text = getattr(parameter, "help", None) or ""
    if "{presets}" in text:
        parameter.help = text.replace("{presets}", ", ".join(alexnet.PRESETS))
    elif "{variants}" in text:
        parameter.help = text.replace("{variants}", ", ".join(alexnet.VARIANTS))


def _show_type_of_one(parameter: Any) -> None:
    """Show `<path>` for an argument that may be repeated, instead of `<list[Path]>`."""
    whole = parameter.display_type
    parameter.display_type = lambda ctx: re.sub(r"list\[(\w+)\]", lambda match: match[1].lower(), whole(ctx))


def _no_options() -> None:
    """Groups have no options of their own."""


app = typer.Typer(
    name="alexnet",
    cls=Group,
    help="Train AlexNet on a folder of images, and see what it learned and which images it gets wrong.",
    epilog="`alexnet COMMAND --help` explains a command.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"alexnet {version('alexnet-workbench')}")
        except PackageNotFoundError:
            typer.echo("alexnet, not installed as a package")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
    screen.quiet = screen.quiet or quiet
