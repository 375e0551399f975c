"""Every network called AlexNet, by name, and the switches that change parts of one."""

from dataclasses import replace
from typing import Any, TypeVar

from alexnet.errors import RecipeError
from alexnet.files import shown_name
from alexnet.model.specs import (
    Activation,
    Conv,
    Dropout,
    LayerSpec,
    Linear,
    MapNorm,
    NetworkSpec,
    Norm,
    Pool,
    Sourced,
)
from alexnet.model.tables import find_tables
from alexnet.recipe import SWITCHES

__all__ = ["VARIANTS", "get_variant", "switch"]

Kind = TypeVar("Kind", bound=Sourced)

VARIANTS: dict[str, NetworkSpec] = find_tables()
"""Every variant's table by name."""

NORMALIZED = ("relu1", "relu2")
"""Layers after which switch `lrn` adds normalization if a table has none (paper §3.5)."""

TOWERS = ("conv2", "conv4", "conv5")
"""Layers that see one tower only (paper §3.5)."""


def get_variant(name: str, **switches: Any) -> NetworkSpec:
    """The table of a variant, changed by `switches`; see `switch`.

    Raises:
        RecipeError: no such variant; the message lists all.
    """
    if name not in VARIANTS:
        shown = shown_name(name)[:60]
        raise RecipeError(f"variant {shown}: no such network; choose one of {', '.join(VARIANTS)}")
    return switch(VARIANTS[name], **switches)


def switch(
    spec: NetworkSpec,
    *,
    activation: str | None = None,
    lrn: str | None = None,
    pooling: str | None = None,
    dropout_form: str | None = None,
    dropout_place: str | None = None,
    towers: bool | None = None,
) -> NetworkSpec:
    """A table with some of its parts changed; None keeps a part.

    Args:
        activation: function of every activation layer.
        lrn: `off` removes all normalization; `divided` and `undivided` set whether alpha is divided by the size of
            the window, and add LRN after relu1 and relu2 if the table has none.
        pooling: kernel size and stride of every max pooling: `3/2` (overlapping) or `2/2`.
        dropout_form: `inverted` or `2012`.
        dropout_place: `before` fc6 and fc7, or `after` their activations.
        towers: conv2, conv4 and conv5 in two groups of channels, or in one.

    Raises:
        RecipeError: a value that is none of these, or a switch for layers that the table does not have.
    """
    every = {
        "activation": activation, "lrn": lrn, "pooling": pooling,
        "dropout_form": dropout_form, "dropout_place": dropout_place, "towers": towers,
    }  # fmt: skip
    switches = {name: value for name, value in every.items() if value is not None}
    for name, value in switches.items():
        if value not in SWITCHES[name]:
            raise RecipeError(f"{name} {shown_name(str(value))[:60]}: choose one of {_listed(SWITCHES[name])}")
        if missing := _missing(spec, name, value):
            raise RecipeError(f"{name} = {_listed([value])}: {spec.name} has no {missing}; leave this switch out")
    features = tuple(_change(layer, switches) for layer in _with_norms(spec.features, lrn))
    classifier = tuple(_change(layer, switches) for layer in _with_dropout(spec.classifier, dropout_place))
    return replace(spec, features=features, classifier=classifier, switches={**spec.switches, **switches})


def _listed(values: Any) -> str:
    return ", ".join(str(value).lower() for value in values)


def _missing(spec: NetworkSpec, name: str, value: Any) -> str:
    """The layers that a switch would change, if the table has none of them; else empty."""
    names = {layer.name for layer in spec.layers}
    kinds: dict[str, tuple[tuple[type[LayerSpec], ...], str]] = {
        "activation": ((Activation,), "activation layers"),
        "pooling": ((Pool,), "max pooling"),
        "dropout_form": ((Dropout,), "dropout"),
        "lrn": ((Norm, MapNorm) if value == "off" else (Norm,), "local response normalization"),
    }
    if name in kinds:
        wanted, missing = kinds[name]
        there = any(isinstance(layer, wanted) for layer in spec.layers)
        if name == "lrn" and value != "off" and not there:
            return (
                "" if names.intersection(NORMALIZED) else f"{missing}, and no {' or '.join(NORMALIZED)} to add it to"
            )
        return "" if there else missing
    if name == "dropout_place":
        return "" if _placeable(spec.classifier) else "dropout for a fully connected layer with an activation"
    there = any(isinstance(layer, Conv) and layer.name in TOWERS for layer in spec.layers)
    return "" if there else ", ".join(TOWERS[:-1]) + f" or {TOWERS[-1]}"


def _change(layer: LayerSpec, switches: dict[str, Any]) -> LayerSpec:
    """One layer with the switches applied that concern it."""
    if isinstance(layer, Activation) and "activation" in switches:
        return _sourced(layer, "activation", function=switches["activation"])
    if isinstance(layer, Norm) and "lrn" in switches:
        layer = _sourced(layer, "lrn", alpha_divided=switches["lrn"] == "divided")
    if isinstance(layer, Pool) and "pooling" in switches:
        size, stride = (int(number) for number in switches["pooling"].split("/"))
        return _sourced(layer, "pooling", kernel_size=size, stride=stride)
    if isinstance(layer, Dropout) and "dropout_form" in switches:
        return _sourced(layer, "dropout_form", form=switches["dropout_form"])
    if "towers" in switches:
        groups = 2 if switches["towers"] else 1
        if isinstance(layer, Conv) and layer.name in TOWERS:
            return _sourced(layer, "towers", groups=groups)
        if isinstance(layer, Norm) and layer.groups > groups:
            return _sourced(layer, "towers", groups=groups)
    return layer


def _sourced(layer: Kind, name: str, **changes: Any) -> Kind:
    """A layer with some fields changed, whose source is then the switch."""
    return replace(layer, **changes, sources={**layer.sources, **dict.fromkeys(changes, f"switch {name}")})


def _with_norms(layers: tuple[LayerSpec, ...], lrn: str | None) -> tuple[LayerSpec, ...]:
    """The layers without normalization, with it, or as they are."""
    if lrn == "off":
        return tuple(layer for layer in layers if not isinstance(layer, Norm | MapNorm))
    if lrn is None or any(isinstance(layer, Norm) for layer in layers):
        return layers
    changed: list[LayerSpec] = []
    for layer in layers:
        changed.append(layer)
        if layer.name in NORMALIZED:
            changed.append(Norm(f"norm{layer.name[-1]}", sources={"": "switch lrn; the numbers of paper §3.3"}))
    return tuple(changed)


def _placeable(layers: tuple[LayerSpec, ...]) -> dict[str, Dropout]:
    """Number of a layer → the dropout of the fully connected layer and the activation with that number."""
    numbers = [{layer.name[-1:] for layer in layers if isinstance(layer, kind)} for kind in (Linear, Activation)]
    drops = {layer.name[-1:]: layer for layer in layers if isinstance(layer, Dropout)}
    return {number: drop for number, drop in drops.items() if all(number in each for each in numbers)}


def _with_dropout(layers: tuple[LayerSpec, ...], place: str | None) -> tuple[LayerSpec, ...]:
    """The classifier with dropout before its fully connected layers or after their activations."""
    if place is None:
        return layers
    drops = _placeable(layers)
    changed: list[LayerSpec] = []
    for layer in layers:
        drop = drops.get(layer.name[-1:])
        if drop is None:
            changed.append(layer)
            continue
        if isinstance(layer, Dropout):
            continue
        moved = replace(drop, sources={**drop.sources, "": "switch dropout_place"})
        if place == "before" and isinstance(layer, Linear):
            changed.append(moved)
        changed.append(layer)
        if place == "after" and isinstance(layer, Activation):
            changed.append(moved)
    return tuple(changed)
