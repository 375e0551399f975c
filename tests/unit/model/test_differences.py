"""Differences between networks, against lists written by hand from the paper, the program's files and torchvision."""

import json

import pytest

from alexnet.errors import RecipeError
from alexnet.model.differences import PARTS, diff_variants, label, parse_variant, shown_value
from alexnet.model.variants import VARIANTS, get_variant

Rows = dict[tuple[str, str], tuple[object, object]]

PAPER_AND_PROGRAM: Rows = {  # layers-145.cfg, layer-params-145.cfg and layer.py against §3.3, §3.5 and §5
    ("relu1", "order"): (("relu1", "norm1", "pool1"), ("norm1", "pool1", "relu1")),
    ("relu5", "order"): (("relu5", "pool5"), ("pool5", "relu5")),
    ("norm1", "alpha_divided"): (False, True),
    ("norm2", "alpha_divided"): (False, True),
    ("norm1", "groups"): (1, 2),
    ("norm2", "groups"): (1, 2),
    ("mapnorm2", "layer"): (
        None,
        {"kind": "MapNorm", "after": "norm2", "size": 5, "alpha": 0.001, "beta": 0.75, "k": 1.0},
    ),
    ("conv3", "weight_std"): (0.01, 0.03),
    ("conv4", "weight_std"): (0.01, 0.03),
    ("conv5", "weight_std"): (0.01, 0.03),
}

LRN = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0, "alpha_divided": False, "groups": 1}
BIASES = {"conv1": 0, "conv2": 1, "conv3": 0, "conv4": 1, "conv5": 1, "fc6": 1, "fc7": 1, "fc8": 0}
PAPER_AND_TORCHVISION: Rows = {
    ("conv1", "out_channels"): (96, 64),
    ("conv1", "padding"): (0, 2),
    ("conv2", "out_channels"): (256, 192),
    ("conv2", "groups"): (2, 1),
    ("conv4", "out_channels"): (384, 256),
    ("conv4", "groups"): (2, 1),
    ("conv5", "groups"): (2, 1),
    **{(f"conv{number}", "ceil"): (True, False) for number in (1, 2, 3, 4, 5)},
    **{(f"pool{number}", "ceil"): (True, False) for number in (1, 2, 5)},
    ("norm1", "layer"): ({"kind": "Norm", "after": "relu1", **LRN}, None),
    ("norm2", "layer"): ({"kind": "Norm", "after": "relu2", **LRN}, None),
    ("avgpool", "layer"): (None, {"kind": "AdaptivePool", "after": "pool5", "size": 6}),
    ("fc6", "order"): (("fc6", "relu6", "drop6"), ("drop6", "fc6", "relu6")),
    ("fc7", "order"): (("fc7", "relu7", "drop7"), ("drop7", "fc7", "relu7")),
    ("drop6", "form"): ("2012", "inverted"),
    ("drop7", "form"): ("2012", "inverted"),
    **{(layer, "weight_std"): (0.01, None) for layer in BIASES},
    **{(layer, "bias"): (bias, None) for layer, bias in BIASES.items()},
    ("inputs", "square"): (
        "short side to 256 px, center square",
        "random part resized; in testing short side to 256 px, center cut out",
    ),
    ("inputs", "scale"): ("0 to 255", "unit std (0.229, 0.224, 0.225 of 255)"),
    ("inputs", "subtracted"): ("mean image of the training set", "color mean (0.485, 0.456, 0.406 of 255)"),
    ("network", "parameters"): (60_965_224, 61_100_840),
    ("network", "multiply_adds"): (724_406_816, 714_188_480),  # sums of the golden tables
}

CAFFE_AND_CAFFENET: Rows = {  # pooling and LRN change places; hidden biases 0.1 and 1
    ("norm1", "order"): (("norm1", "pool1"), ("pool1", "norm1")),
    ("norm2", "order"): (("norm2", "pool2"), ("pool2", "norm2")),
    **{(layer, "bias"): (0.1, 1.0) for layer in ("conv2", "conv4", "conv5", "fc6", "fc7")},
}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("paper", "program", PAPER_AND_PROGRAM),
        ("paper", "torchvision", PAPER_AND_TORCHVISION),
        ("caffe", "caffenet", CAFFE_AND_CAFFENET),
    ],
)
def test_exactly_the_differences_of_the_sources_are_found(first: str, second: str, expected: Rows) -> None:
    rows = diff_variants(first, second).rows
    assert {(row.layer, row.field): (row.first, row.second) for row in rows} == expected
    assert len(rows) == len(expected)


def test_turned_round_the_same_rows_come_with_their_sides_exchanged() -> None:
    there, back = diff_variants("paper", "caffenet").rows, diff_variants("caffenet", "paper").rows
    values = {(row.field, str(row.first), str(row.second), row.first_source) for row in there if row.field != "order"}
    assert values == {
        (row.field, str(row.second), str(row.first), row.second_source) for row in back if row.field != "order"
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_network_does_not_differ_from_itself(name: str) -> None:
    assert diff_variants(name, name).rows == ()
    assert diff_variants(f"{name},pooling=2/2", get_variant(name, pooling="2/2")).rows == ()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_difference_has_two_sources_and_its_part(name: str) -> None:
    for other in [*VARIANTS, "torchvision,lrn=divided", "program,lrn=off", "paper,dropout_place=before,towers=false"]:
        rows = diff_variants(name, other).rows
        assert [row for row in rows if not (row.first_source and row.second_source)] == [], other
        assert [PARTS.index(row.part) for row in rows] == sorted(PARTS.index(row.part) for row in rows)


def test_parts_and_sources_are_those_of_the_values() -> None:
    rows = {(row.layer, row.field): row for row in diff_variants("paper", "program").rows}
    assert {row.part for row in rows.values()} == {"structure", "initialization"}
    assert rows["conv3", "weight_std"].part == "initialization"
    assert "§5" in rows["conv3", "weight_std"].first_source
    assert rows["conv3", "weight_std"].second_source == "layers-145.cfg [conv3a]"
    assert "§3.3" in rows["relu1", "order"].first_source
    assert "[pool1a]" in rows["relu1", "order"].second_source
    assert "layer.py:1183" in rows["norm1", "alpha_divided"].second_source
    assert "NIPS 2012" in rows["mapnorm2", "layer"].first_source
    assert diff_variants("caffe", "seminar").of("preprocessing")[0].field == "size"


def test_totals_are_those_of_each_one_s_own_size() -> None:
    result = diff_variants("paper", "caffe")
    assert (result.first.size, result.second.size) == (224, 227)
    assert result.first.parameters == result.second.parameters == 60_965_224
    assert result.first.maps == result.second.maps == {"conv1": 55, "pool1": 27, "pool2": 13, "pool5": 6}
    assert result.of("totals") == ()
    seminar = diff_variants("paper", "seminar")
    assert seminar.second.maps == {"conv1": 22, "pool1": 10, "pool2": 4, "pool5": 1}
    assert {row.field for row in seminar.of("totals")} >= {"parameters", "conv1 maps, px", "pool5 maps, px"}


def test_switched_networks_differ_in_what_was_switched() -> None:
    result = diff_variants("paper", "paper,lrn=divided,towers=false")
    rows = {(row.layer, row.field): (row.first, row.second, row.second_source) for row in result.rows}
    assert {key: value for key, value in rows.items() if key[0] != "network"} == {
        ("norm1", "alpha_divided"): (False, True, "switch lrn"),
        ("norm2", "alpha_divided"): (False, True, "switch lrn"),
        ("conv2", "groups"): (2, 1, "switch towers"),
        ("conv4", "groups"): (2, 1, "switch towers"),
        ("conv5", "groups"): (2, 1, "switch towers"),
    }
    assert rows["network", "parameters"][:2] == (60_965_224, 62_378_344)
    assert result.second.name == "paper,lrn=divided,towers=false"
    off = {row.layer: row for row in diff_variants("program", "program,lrn=off").rows}
    assert set(off) == {"norm1", "norm2", "mapnorm2"}
    assert {row.second_source for row in off.values()} == {"switch lrn"}
    placed = diff_variants("paper", "paper,dropout_place=before").rows
    assert [(row.layer, row.field) for row in placed] == [("fc6", "order"), ("fc7", "order")]
    assert "switch dropout_place" in placed[0].second_source


@pytest.mark.parametrize("text", ["paper", "seminar,activation=gelu,pooling=2/2", "program,lrn=off,towers=false"])
def test_name_with_switches_is_read_back(text: str) -> None:
    assert label(parse_variant(text)) == text
    assert label(parse_variant(text.replace(",", " , "))) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet", f"variant resnet: no such network; choose one of {', '.join(VARIANTS)}"),
        ("paper,lrn", "paper,lrn: write a switch as name=value, for instance paper,lrn=divided"),
        ("paper,", "write a switch as name=value"),
        ("paper,size=96", "paper,size=96: size is not a switch; choose one of activation, lrn, pooling"),
        ("paper,lrn=off,lrn=off", "lrn appears twice; give it once"),
        ("paper,lrn=halved", "lrn halved: choose one of off, divided, undivided"),
        ("paper,towers=2", "towers 2: choose one of true, false"),
    ],
)
def test_unknown_variants_and_switches_are_named_with_the_choices(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        diff_variants("paper", text)
    assert message in str(caught.value)


def test_differences_are_plain_data() -> None:
    values = json.loads(json.dumps(diff_variants("paper", "program").to_dict()))
    assert values["first"]["parameters"] == 60_965_224
    assert values["rows"][0]["first"] == ["relu1", "norm1", "pool1"]
    assert set(values["rows"][0]) == {
        "part", "layer", "field", "first", "first_source", "second", "second_source",
    }  # fmt: skip


def test_values_are_shown_in_words() -> None:
    assert shown_value("bias", None) == "PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in))"
    assert shown_value("out_features", None) == "one per class"
    assert shown_value("layer", None) == "none"
    assert shown_value("alpha", 1e-4) == "0.0001"
    row = next(row for row in diff_variants("paper", "program").rows if row.layer == "mapnorm2")
    assert shown_value("layer", row.second) == "MapNorm after norm2: size 5, alpha 0.001, beta 0.75, k 1"
