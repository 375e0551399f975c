"""Each network that goes by the name of AlexNet, by name, and the switches that change one."""

from dataclasses import replace
from typing import Any

from alexnet.errors import RecipeError
from alexnet.model.specs import (
    ACTIVATIONS,
    Activation,
    Conv,
    Dropout,
    LayerSpec,
    Linear,
    MapNorm,
    NetworkSpec,
    Norm,
    Pool,
)
from alexnet.model.tables_2012 import ONE_GPU, PAPER, PROGRAM
from alexnet.model.tables_later import CAFFE, CAFFENET, SEMINAR, TORCHVISION

__all__ = ["SWITCHES", "VARIANTS", "get_variant", "switch"]

VARIANTS: dict[str, NetworkSpec] = {
    spec.name: spec for spec in (SEMINAR, TORCHVISION, CAFFE, CAFFENET, PAPER, PROGRAM, ONE_GPU)
}
"""Every variant by name. Of several with the same shapes the first is taken for a weight file of others: Caffe's."""

SWITCHES = ("activation", "lrn", "pooling", "dropout_form", "dropout_place", "towers")
"""What may be changed in any variant; a recipe has fields of these names."""

NORMALIZED = ("relu1", "relu2")
"""Layers behind which local response normalization is put where a table has none (paper §3.5)."""


def get_variant(name: str, **switches: Any) -> NetworkSpec:
    """The table of a variant, with what `switches` change in it; see `switch`.

    Raises:
        RecipeError: there is none of that name; the message lists those there are.
    """
    if name not in VARIANTS:
        raise RecipeError(f"variant {name}: no such network; choose one of {', '.join(VARIANTS)}")
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
    """A table with some of its parts changed; None leaves a part as it is.

    Args:
        activation: every activation: one of `ACTIVATIONS`.
        lrn: `off` removes all normalization; `divided` and `undivided` say whether alpha is divided by the number
            of maps, and put LRN behind relu1 and relu2 where the table has none.
        pooling: `3/2` (overlapping) or `2/2`: size and stride of every max pooling.
        dropout_form: `inverted` or `2012`.
        dropout_place: `before` fc6 and fc7, or `after` their activations.
        towers: conv2, conv4 and conv5 in two groups of channels, or in one.

    Raises:
        RecipeError: a word that is none of these.
    """
    given = {
        "activation": activation, "lrn": lrn, "pooling": pooling,
        "dropout_form": dropout_form, "dropout_place": dropout_place, "towers": towers,
    }  # fmt: skip
    asked = {name: value for name, value in given.items() if value is not None}
    known = {
        "activation": ACTIVATIONS, "lrn": ("off", "divided", "undivided"), "pooling": ("3/2", "2/2"),
        "dropout_form": ("inverted", "2012"), "dropout_place": ("before", "after"), "towers": (True, False),
    }  # fmt: skip
    for name, value in asked.items():
        if value not in known[name]:
            raise RecipeError(f"{name} {value}: choose one of {', '.join(map(str, known[name]))}")
    features = tuple(_change(layer, asked) for layer in _with_norms(spec.features, lrn))
    classifier = tuple(_change(layer, asked) for layer in _placed(spec.classifier, dropout_place))
    return replace(spec, features=features, classifier=classifier, switches={**spec.switches, **asked})


def _change(layer: LayerSpec, asked: dict[str, Any]) -> LayerSpec:
    """One layer as the switches want it."""
    if isinstance(layer, Activation) and "activation" in asked:
        return replace(
            layer, function=asked["activation"], sources={**layer.sources, "function": "switch activation"}
        )
    if isinstance(layer, Norm) and "lrn" in asked:
        said = {**layer.sources, "alpha_divided": "switch lrn"}
        layer = replace(layer, alpha_divided=asked["lrn"] == "divided", sources=said)
    if isinstance(layer, Pool) and "pooling" in asked:
        size, stride = (int(number) for number in asked["pooling"].split("/"))
        said = {**layer.sources, "kernel_size": "switch pooling", "stride": "switch pooling"}
        return replace(layer, kernel_size=size, stride=stride, sources=said)
    if isinstance(layer, Dropout) and "dropout_form" in asked:
        return replace(layer, form=asked["dropout_form"], sources={**layer.sources, "form": "switch dropout_form"})
    if "towers" in asked:
        groups = 2 if asked["towers"] else 1
        if isinstance(layer, Conv) and layer.name in ("conv2", "conv4", "conv5"):
            return replace(layer, groups=groups, sources={**layer.sources, "groups": "switch towers"})
        if isinstance(layer, Norm) and layer.groups > groups:
            return replace(layer, groups=groups, sources={**layer.sources, "groups": "switch towers"})
    return layer


def _with_norms(layers: tuple[LayerSpec, ...], lrn: str | None) -> tuple[LayerSpec, ...]:
    if lrn == "off":
        return tuple(layer for layer in layers if not isinstance(layer, Norm | MapNorm))
    if lrn is None or any(isinstance(layer, Norm) for layer in layers):
        return layers
    placed: list[LayerSpec] = []
    for layer in layers:
        placed.append(layer)
        if layer.name in NORMALIZED:
            placed.append(Norm(f"norm{layer.name[-1]}", sources={"": "switch lrn; the numbers of paper §3.3"}))
    return tuple(placed)


def _placed(layers: tuple[LayerSpec, ...], place: str | None) -> tuple[LayerSpec, ...]:
    """The classifier with its dropout before fc6 and fc7, or behind their activations."""
    if place is None:
        return layers
    drops = {layer.name[-1]: layer for layer in layers if isinstance(layer, Dropout)}
    placed: list[LayerSpec] = []
    for layer in layers:
        if isinstance(layer, Dropout):
            continue
        drop = drops.get(layer.name[-1])
        moved = replace(drop, sources={**drop.sources, "": "switch dropout_place"}) if drop else None
        if moved and place == "before" and isinstance(layer, Linear):
            placed.append(moved)
        placed.append(layer)
        if moved and place == "after" and isinstance(layer, Activation):
            placed.append(moved)
    return tuple(placed)
