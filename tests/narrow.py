"""A network that trains in a second, for tests: also for the processes that they start."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from alexnet.model.specs import Conv, Linear, NetworkSpec
from alexnet.model.variants import VARIANTS

__all__ = ["narrow", "narrow_variants"]

NARROW_WIDTHS = {"conv1": 24, "conv2": 48, "conv3": 64, "conv4": 64, "conv5": 48, "fc6": 128, "fc7": 128}


def narrow(spec: NetworkSpec) -> NetworkSpec:
    """The seminar's network with fewer channels: every layer, a hundredth of the arithmetic."""
    features = tuple(
        replace(layer, out_channels=NARROW_WIDTHS[layer.name]) if isinstance(layer, Conv) else layer
        for layer in spec.features
    )
    classifier = tuple(
        replace(layer, out_features=NARROW_WIDTHS.get(layer.name)) if isinstance(layer, Linear) else layer
        for layer in spec.classifier
    )
    return replace(spec, name="narrow", features=features, classifier=classifier)


@contextmanager
def narrow_variants() -> Iterator[None]:
    """The variant `narrow`, which `small_recipe` names, exists in this process meanwhile."""
    VARIANTS["narrow"] = narrow(VARIANTS["seminar"])
    yield
    del VARIANTS["narrow"]
