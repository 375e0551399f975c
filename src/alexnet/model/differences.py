"""What differs between two networks: structure, initialization, preprocessing and totals, each with its source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alexnet.errors import RecipeError
from alexnet.files import shown_name
from alexnet.model.specs import LayerSpec, MapNorm, NetworkSpec, Norm
from alexnet.model.summary import summarize_spec
from alexnet.model.variants import get_variant
from alexnet.recipe import SWITCHES
from alexnet.records import Record

__all__ = [
    "PARTS",
    "Difference",
    "Differences",
    "NetworkTotals",
    "diff_variants",
    "label",
    "parse_variant",
    "shown_value",
]

PARTS = ("structure", "initialization", "preprocessing", "totals")
"""Parts that differences are grouped by, in the order of the rows."""

INITIAL_FIELDS = ("weight_std", "bias")
MEASURED_MAPS = ("conv1", "pool1", "pool2", "pool5")
NUM_CLASSES = 1000
"""Classes of ImageNet, for which every variant's totals are computed."""

PYTORCH_DEFAULT = "PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in))"
UNSET = {"weight_std": PYTORCH_DEFAULT, "bias": PYTORCH_DEFAULT, "out_features": "one per class"}
"""What None means in a field of a table."""


@dataclass(frozen=True)
class Difference(Record):
    """One difference. first, second: the two networks' values; *_source: where each of them comes from.

    part: `structure`, `initialization`, `preprocessing` or `totals`. layer: its name, `inputs` in preprocessing,
    `network` in totals. field: a field of the layer; `layer` if only one network has it (the values are its fields,
    and None); `order` if both have the same layers in different order (the values are the names from `layer` on);
    `kind` if two layers share only a name.
    """

    part: str
    layer: str
    field: str
    first: Any
    first_source: str
    second: Any
    second_source: str

    @property
    def shown_first(self) -> str:
        """The first network's value, as people read it."""
        return shown_value(self.field, self.first)

    @property
    def shown_second(self) -> str:
        """The second network's value, as people read it."""
        return shown_value(self.field, self.second)


@dataclass(frozen=True)
class NetworkTotals(Record):
    """A network at its own published image size. name: with its switches. source: of its table.

    size: side of the image, px. parameters, multiply_adds: with 1000 classes; the latter for one image.
    maps: layer → side of its feature maps, px.
    """

    name: str
    source: str
    size: int
    parameters: int
    multiply_adds: int
    maps: Mapping[str, int]


@dataclass(frozen=True)
class Differences(Record):
    """Two networks and every difference between them, by part and in the order of the layers."""

    first: NetworkTotals
    second: NetworkTotals
    rows: tuple[Difference, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts in which the networks differ, apart from the totals."""
        return tuple(part for part in PARTS if part != "totals" and self.of(part))

    def of(self, part: str) -> tuple[Difference, ...]:
        """The differences in one part: `structure`, `initialization`, `preprocessing` or `totals`."""
        return tuple(row for row in self.rows if row.part == part)


def diff_variants(first: str | NetworkSpec, second: str | NetworkSpec) -> Differences:
    """List every difference between two networks: structure, initialization, preprocessing and totals.

    Args:
        first, second: a variant's name, perhaps with changes after commas (`paper,lrn=divided,towers=false`), or a
            table.

    Raises:
        RecipeError: no such variant or switch.
        GeometryError: a network does not fit images of its own published size.

    >>> [(row.layer, row.field, row.second) for row in diff_variants("paper", "program").of("initialization")]
    [('conv3', 'weight_std', 0.03), ('conv4', 'weight_std', 0.03), ('conv5', 'weight_std', 0.03)]
    """
    one, other = (parse_variant(side) if isinstance(side, str) else side for side in (first, second))
    rows = [*_layer_rows(one, other), *_field_rows("inputs", one.inputs, other.inputs)]
    totals = _totals(one), _totals(other)
    rows += _total_rows(*totals)
    rows.sort(key=lambda row: PARTS.index(row.part))
    return Differences(*totals, tuple(rows))


def parse_variant(text: str) -> NetworkSpec:
    """A variant's table from its name, with switches after commas: `paper,lrn=divided,towers=false`.

    Raises:
        RecipeError: no such variant or switch, or a switch without a value, with a wrong one, or with two.

    >>> parse_variant("paper,towers=false").switches
    {'towers': False}
    """
    shown = shown_name(text)[:120]
    name, *words = text.split(",")
    switches: dict[str, Any] = {}
    for word in words:
        switch, _, value = (part.strip() for part in word.partition("="))
        if not switch or not value:
            raise RecipeError(
                f"{shown}: write a switch as name=value, for instance {shown_name(name)[:40]},lrn=divided"
            )
        if switch not in SWITCHES:
            raise RecipeError(
                f"{shown}: {shown_name(switch)[:40]} is not a switch; choose one of {', '.join(SWITCHES)}"
            )
        if switch in switches:
            raise RecipeError(f"{shown}: {switch} appears twice; give it once")
        if switch == "towers" and value not in ("true", "false"):
            raise RecipeError(f"towers {shown_name(value)[:40]}: choose one of true, false")
        switches[switch] = value == "true" if switch == "towers" else value
    return get_variant(name.strip(), **switches)


def label(spec: NetworkSpec) -> str:
    """A network's name with its switches, as `parse_variant` reads it.

    >>> label(parse_variant("paper,towers=false"))
    'paper,towers=false'
    """
    words = (f"{name}={str(value).lower()}" for name, value in spec.switches.items())
    return ",".join((spec.name, *words))


def shown_value(field: str, value: Any) -> str:
    """A value of a table or of a `Difference` as text.

    >>> shown_value("weight_std", None), shown_value("ceil", True), shown_value("parameters", 60965224)
    ("PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in))", 'yes', '60,965,224')
    """
    if value is None:
        return UNSET.get(field, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        numbers = (f"{name} {shown_value(name, item)}" for name, item in list(value.items())[2:])
        return f"{value['kind']} after {value['after']}: {', '.join(numbers)}"
    return " → ".join(value) if isinstance(value, tuple) else str(value)


def _layer_rows(one: NetworkSpec, other: NetworkSpec) -> Iterator[Difference]:
    """Differences between layers, in the order of the first network."""
    sides = [{layer.name: layer for layer in spec.layers} for spec in (one, other)]
    order = _reordered(*([name for name in side if all(name in s for s in sides)] for side in sides))
    for name in _merged(*map(list, sides)):
        left, right = (side.get(name) for side in sides)
        if name in order:
            names = order[name]
            places = ["; ".join(dict.fromkeys(side[n].source_of("place") for n in names[0])) for side in sides]
            yield Difference("structure", name, "order", names[0], places[0], names[1], places[1])
        if left is None or right is None:
            shown = [_described(*pair) for pair in ((one, left, right), (other, right, left))]
            yield Difference("structure", name, "layer", *shown[0], *shown[1])
        else:
            yield from _field_rows(name, left, right)


def _merged(one: list[str], other: list[str]) -> list[str]:
    """All names in the order of the first list; those of the second list alone follow their predecessors."""
    names = list(one)
    for place, name in enumerate(other):
        if name not in names:
            names.insert(names.index(other[place - 1]) + 1 if place else 0, name)
    return names


def _reordered(one: list[str], other: list[str]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """First name → the shortest stretches with the same names in different order."""
    stretches, start = {}, 0
    for end in range(1, len(one) + 1):
        if set(one[start:end]) == set(other[start:end]):
            if end - start > 1:
                stretches[one[start]] = (tuple(one[start:end]), tuple(other[start:end]))
            start = end
    return stretches


def _described(spec: NetworkSpec, layer: LayerSpec | None, counterpart: LayerSpec | None) -> tuple[Any, str]:
    """A layer that only one network has: kind, place and values with their sources; or why a network lacks it."""
    if layer is None:
        switched = "lrn" in spec.switches and isinstance(counterpart, Norm | MapNorm)
        return None, "switch lrn" if switched else f"no such layer: {spec.source}"
    names = [each.name for each in spec.layers]
    place = names.index(layer.name)
    values = {name: value for name, value in layer.values().items() if name != "name"}
    about = {"kind": type(layer).__name__, "after": names[place - 1] if place else "the image", **values}
    fields: dict[str, list[str]] = {}
    for name in ("place", *values):
        fields.setdefault(layer.source_of(name), []).append(name)
    sources = (f"{', '.join(named)}: {source}" for source, named in fields.items())
    return about, next(iter(fields)) if len(fields) == 1 else "; ".join(sources)


def _field_rows(layer: str, one: Any, other: Any) -> Iterator[Difference]:
    """Differences between the fields of two layers of the same name, or of two preprocessings."""
    if type(one) is not type(other):
        kinds = type(one).__name__, one.source_of(""), type(other).__name__, other.source_of("")
        yield Difference("structure", layer, "kind", *kinds)
    left, right = one.values(), other.values()
    for field in (name for name in left if name in right and left[name] != right[name]):
        part = "preprocessing" if layer == "inputs" else "initialization" if field in INITIAL_FIELDS else "structure"
        sources = one.source_of(field), other.source_of(field)
        yield Difference(part, layer, field, left[field], sources[0], right[field], sources[1])


def _totals(spec: NetworkSpec) -> NetworkTotals:
    summary = summarize_spec(spec, size=spec.inputs.size, num_classes=NUM_CLASSES)
    maps = {row.name: row.output[1] for row in summary.layers if row.name in MEASURED_MAPS}
    return NetworkTotals(label(spec), spec.source, spec.inputs.size, summary.parameters, summary.multiply_adds, maps)


def _total_rows(one: NetworkTotals, other: NetworkTotals) -> Iterator[Difference]:
    """Differences between two networks' totals."""
    computed = [f"computed from the table for {side.size} px and {NUM_CLASSES} classes" for side in (one, other)]
    pairs: list[tuple[str, Any, Any]] = [
        ("parameters", one.parameters, other.parameters),
        ("multiply_adds", one.multiply_adds, other.multiply_adds),
    ]
    pairs += [(f"{name} maps, px", one.maps.get(name), other.maps.get(name)) for name in MEASURED_MAPS]
    for field, left, right in pairs:
        if left != right:
            yield Difference("totals", "network", field, left, computed[0], right, computed[1])
