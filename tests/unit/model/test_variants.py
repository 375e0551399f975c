"""Where tables are found, and switches that a table has no layers for."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alexnet.errors import GeometryError, RecipeError
from alexnet.model import tables
from alexnet.model.alexnet import AlexNet
from alexnet.model.initialization import initialize
from alexnet.model.specs import Activation, Conv, Inputs, Linear, NetworkSpec
from alexnet.model.tables import find_tables
from alexnet.model.variants import VARIANTS, switch
from alexnet.model.weights import fitting_variant
from alexnet.recipe import SWITCHES

FILE = """
from alexnet.model.specs import Activation, Conv, Inputs, Linear, NetworkSpec

__all__ = ["TINY"]

TINY = NetworkSpec(
    name="{name}",
    features=(Conv("first", 4, 3), Activation("relu")),
    classifier=(Linear("last", None),),
    normalization="mean",
    source="made for a test",
    inputs=Inputs(8, 8, "none", "RGB", "0 to 255", "mean"),
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files count as files of the tables' folder."""
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("alexnet.model.tables.test_")]:
        del sys.modules[name]


def test_a_table_in_a_new_file_is_found(folder: Path) -> None:
    (folder / "test_tiny.py").write_text(FILE.format(name="tiny"), encoding="utf-8")
    result = find_tables()
    assert set(result) - set(VARIANTS) == {"tiny"}
    assert set(result) >= {"seminar", "paper"}
    assert [row.output for row in result["tiny"].geometry(8, 3)] == [(4, 6, 6), (4, 6, 6), (3,)]


def test_two_tables_of_one_name_are_refused(folder: Path) -> None:
    (folder / "test_paper.py").write_text(FILE.format(name="paper"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"test_paper\.TINY: there is a variant paper already"):
        find_tables()


OTHER = NetworkSpec(
    name="other",
    features=(Conv("layer_a", 8, 3), Activation("layer_b"), Conv("layer_c", 8, 3)),
    classifier=(Linear("layer_d", 10), Linear("layer_e", None)),
    normalization="mean",
    source="a table with other layer names, without LRN, pooling and dropout",
    inputs=Inputs(32, 32, "none", "RGB", "0 to 255", "mean"),
)

USELESS = {
    ("lrn", "off"): "local response normalization",
    ("lrn", "divided"): "local response normalization, and no relu1 or relu2 to add it to",
    ("pooling", "2/2"): "max pooling",
    ("dropout_form", "2012"): "dropout",
    ("dropout_place", "after"): "dropout for a fully connected layer with an activation",
    ("towers", True): "conv2, conv4 or conv5",
}


@pytest.mark.parametrize(("name", "value"), USELESS)
def test_switch_without_a_layer_to_change_is_refused(name: str, value: object) -> None:
    with pytest.raises(RecipeError) as caught:
        switch(OTHER, **{name: value})
    missing = USELESS[name, value]
    assert str(caught.value) == f"{name} = {str(value).lower()}: other has no {missing}; leave this switch out"


def test_activation_switch_needs_an_activation() -> None:
    assert switch(OTHER, activation="tanh").features[1] == Activation("layer_b", "tanh")
    bare = replace(OTHER, features=OTHER.features[:1])
    with pytest.raises(RecipeError, match="activation = tanh: other has no activation layers; leave this switch out"):
        switch(bare, activation="tanh")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_switch_changes_a_table_or_is_refused(name: str) -> None:
    """Or sets what is so already: `towers=false` for a network with one tower."""
    spec = VARIANTS[name]
    for switch_name, values in SWITCHES.items():
        tables = []
        for value in values:
            with contextlib.suppress(RecipeError):
                tables.append(switch(spec, **{switch_name: value}))
        changed = [
            table for table in tables if (table.features, table.classifier) != (spec.features, spec.classifier)
        ]
        assert changed or not tables


@pytest.mark.parametrize(("setting", "value"), [("hidden_bias", 1.0), ("conv1_std", 0.01), ("kernel_std", 0.01)])
def test_initialization_of_layers_that_are_not_there_is_refused(setting: str, value: float) -> None:
    network = AlexNet(OTHER, size=8, num_classes=2)
    with pytest.raises(RecipeError, match=f"{setting} = {value:g}: other has none of conv"):
        initialize(network, "fan_in", seed=0, **{setting: value})


def test_groups_that_do_not_divide_the_channels_are_named() -> None:
    odd = replace(OTHER, features=(Conv("conv1", 9, 3), Conv("conv2", 8, 3)))
    with pytest.raises(GeometryError, match="other: 2 groups do not divide the 9 and 8 channels of conv2"):
        switch(odd, towers=True).geometry(32, 2)


def test_weights_that_fit_several_variants_are_those_that_were_published() -> None:
    shapes = {row.name: row.kernel for row in VARIANTS["paper"].geometry(224, 10) if row.kernel}
    weights = {f"{name}.weight": torch.zeros(shape) for name, shape in shapes.items() if name.startswith("conv")}
    assert fitting_variant(weights) is VARIANTS["caffe"]
