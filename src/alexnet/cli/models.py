"""Commands about networks and recipes: `alexnet model ...`, `alexnet recipe`."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
import typer
from typer.core import TyperGroup

from alexnet.cli import checking
from alexnet.cli.options import Json
from alexnet.cli.show import screen
from alexnet.errors import RecipeError
from alexnet.model.specs import ACTIVATIONS
from alexnet.model.variants import VARIANTS
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe

if TYPE_CHECKING:
    from alexnet.model.differences import Difference, NetworkTotals

__all__ = ["ModelGroup", "app", "recipe"]


class ModelGroup(TyperGroup):
    """A group in which what is no subcommand is a word for `fallback`: `model NAME` is `model show NAME`."""

    fallback = "show"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `fallback` before words that name no subcommand and do not ask for help."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [self.fallback, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ModelGroup,
    rich_markup_mode=None,
    subcommand_metavar="NAME | COMMAND [ARGS]...",
    help="Print a network: `alexnet model NAME` is short for `alexnet model show NAME`. Compare two: `diff`.",
)


def show(
    variant: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(VARIANTS) + ".", show_default=False)],
    size: Annotated[int, typer.Option(help="Side of the image, px.")] = 96,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 8,
    activation: Annotated[str | None, typer.Option(help=", ".join(ACTIVATIONS) + ".", show_default=False)] = None,
    lrn: Annotated[str | None, typer.Option(help="off, divided or undivided.", show_default=False)] = None,
    pooling: Annotated[str | None, typer.Option(help="3/2 or 2/2: size and stride.", show_default=False)] = None,
    dropout_form: Annotated[str | None, typer.Option(help="inverted or 2012.", show_default=False)] = None,
    dropout_place: Annotated[str | None, typer.Option(help="before or after.", show_default=False)] = None,
    towers: Annotated[
        bool | None, typer.Option("--towers/--no-towers", help="Two towers, or one.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a network layer by layer: shapes, kernels, parameters, multiply-adds, receptive fields."""
    from alexnet.model.summary import summarize

    summary = summarize(
        variant, size=size, num_classes=classes, activation=activation, lrn=lrn, pooling=pooling,
        dropout_form=dropout_form, dropout_place=dropout_place, towers=towers,
    )  # fmt: skip
    rows: list[tuple[object, ...]] = [
        (row.name, "×".join(map(str, row.output)), "×".join(map(str, row.kernel)),
         f"{row.parameters:,}" if row.parameters else "", f"{row.multiply_adds:,}" if row.multiply_adds else "",
         row.receptive_field)
        for row in summary.layers
    ]  # fmt: skip
    rows.append(("total", "", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}", None))
    header = ["layer", "output", "kernel", "parameters", "multiply-adds", "sees px"]
    screen.table(header, rows, right=(3, 4, 5))
    screen.say(f"{summary.variant}: {summary.source}")
    if summary.switches:
        screen.say(f"changed: {', '.join(f'{name} = {value}' for name, value in summary.switches.items())}")
    screen.give(summary.to_dict())


Side = Annotated[
    str, typer.Argument(metavar="NAME", help="A network, changed or not: paper,lrn=divided,towers=false.")
]


def diff(first: Side, second: Side, as_json: Json = False) -> None:
    """Print every difference between two networks, with the source of each value."""
    from alexnet.model.differences import PARTS, diff_variants

    found = diff_variants(first, second)
    sides = found.first, found.second
    names = [side.name.replace(",", ",\n") for side in sides]
    sources: dict[str, int] = {}
    screen.table(["network", "source"], zip(names, (side.source for side in sides), strict=True))
    for part in PARTS:
        rows = found.of(part)
        if rows and part != "totals":
            screen.say("")
            screen.table([part, "", *names], _lines(rows, sources))
    screen.say("" if found.rows else f"{found.first.name} and {found.second.name}: no difference")
    screen.table(["totals, 1000 classes", *names], _totals(sides))
    if sources:
        screen.say("")
        screen.table(["", "source"], ((f"[{number}]", said) for said, number in sources.items()))
    screen.give(found.to_dict())


def _totals(sides: "tuple[NetworkTotals, NetworkTotals]") -> Iterator[tuple[str, ...]]:
    """Lines of a table: what each network comes to at its own published size."""
    yield ("image, px", *(str(side.size) for side in sides))
    yield ("parameters", *(f"{side.parameters:,}" for side in sides))
    yield ("multiply-adds", *(f"{side.multiply_adds:,}" for side in sides))
    yield ("maps, px", *(", ".join(f"{name} {px}" for name, px in side.maps.items()) for side in sides))


def _lines(rows: "Iterable[Difference]", sources: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """Lines of a table of differences, the sources as numbers; `sources` takes in those it has not yet."""
    from alexnet.model.differences import shown_value

    named = ""
    for row in rows:
        pairs = (row.first, row.first_source), (row.second, row.second_source)
        shown = (
            f"{shown_value(row.field, value)} [{sources.setdefault(said, len(sources) + 1)}]" for value, said in pairs
        )
        yield ("" if row.layer == named else row.layer, row.field, *shown)
        named = row.layer


MODEL_COMMANDS: dict[str, Callable[..., None]] = {
    "show": show,
    "diff": diff,
    "check": checking.check,
}
for name, command in MODEL_COMMANDS.items():
    app.command(name)(command)


def recipe(preset: Annotated[str, typer.Argument(help=", ".join(PRESETS))] = "fast", as_json: Json = False) -> None:
    """Print a recipe as TOML, each setting with what it means; a start for a file of your own."""
    if preset not in PRESETS:
        raise RecipeError(f"preset {preset}: no such recipe; choose one of {', '.join(PRESETS)}")
    chosen = PRESETS[preset]
    if not screen.as_json:
        for field in Recipe.model_fields:
            screen.say(_setting(chosen, field))
    screen.give(chosen.model_dump())


def _setting(chosen: Recipe, field: str) -> str:
    """A setting as TOML below what it means; both may take several lines."""
    meaning = Recipe.model_fields[field].description or ""
    given = chosen.model_dump(include={field}, exclude_none=True)
    value = tomli_w.dumps(given).strip() if given else f"# {field} is not set"
    return "\n".join([*(f"# {line}" for line in meaning.splitlines()), value])
