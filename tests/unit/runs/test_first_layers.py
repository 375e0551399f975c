"""The first layer of a run, of any torch module, and of a weight file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import alexnet
from alexnet.errors import GeometryError, WeightsError
from alexnet.inspection.gabor import first_layer_statistics
from alexnet.model.checkpoint import Classifier
from alexnet.runs.run import Run


def module(channels: int = 3, *, groups: int = 1, count: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, count, 7), nn.ReLU(), nn.Conv2d(count, 8, 3, groups=groups), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def wrapped(network: nn.Module) -> Classifier:
    return alexnet.wrap_network(network, ["a", "b"], size=32)


@pytest.mark.parametrize("channels", [1, 3])
def test_kernels_of_a_module_are_those_of_its_first_convolution(channels: int) -> None:
    network = module(channels)
    learned = alexnet.kernels(wrapped(network))
    np.testing.assert_array_equal(learned.weights, network[0].weight.detach().numpy())  # type: ignore[operator,union-attr]
    assert learned.layer == "0"
    assert alexnet.kernels(wrapped(network), "2").weights.shape == (8, 8, 3, 3)
    statistics = alexnet.kernel_statistics(wrapped(network))
    expected = first_layer_statistics(learned.weights, has_towers=False)
    assert (statistics.fits, statistics.towers) == (expected.fits, None)
    assert "0, sorted by kind" in alexnet.draw_first_layer(wrapped(network)).get_suptitle()
    assert alexnet.draw_orientations(wrapped(network)).get_suptitle().startswith("0: ")
    with pytest.raises(GeometryError, match="layer 1: has no kernels; choose one of 0, 2"):
        alexnet.kernels(wrapped(network), "1")


def test_towers_are_compared_where_the_next_convolution_has_two() -> None:
    assert alexnet.kernel_statistics(wrapped(module(groups=2))).towers is not None
    assert alexnet.kernel_statistics(wrapped(module(groups=1))).towers is None
    assert alexnet.kernel_statistics(wrapped(module(groups=8))).towers is None  # one for each map


def test_run_without_towers_has_no_comparison_of_towers(narrow_run: Run) -> None:
    statistics = alexnet.kernel_statistics(narrow_run)
    assert statistics.towers is None
    assert "towers" not in str(statistics)


@pytest.mark.parametrize("groups", [1, 2])
def test_weight_file_is_read_as_its_network_would_be(tmp_path: Path, groups: int) -> None:
    network = module(groups=groups)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    for path in (tmp_path / "weights.pt", str(tmp_path / "weights.pt")):
        learned = alexnet.kernels(path)
        assert (learned.layer, learned.title) == ("conv1", "conv1 of weights.pt")
        np.testing.assert_array_equal(learned.weights, network[0].weight.detach().numpy())  # type: ignore[operator,union-attr]
    assert alexnet.kernels(tmp_path / "weights.pt", "conv2").groups == groups
    assert alexnet.kernel_statistics(tmp_path / "weights.pt") == alexnet.kernel_statistics(wrapped(network))
    with pytest.raises(GeometryError, match=r"layer conv3: .*weights.pt has conv1, conv2"):
        alexnet.kernels(tmp_path / "weights.pt", "conv3")


def test_networks_and_files_without_a_first_layer_on_images_are_refused(tmp_path: Path) -> None:
    deep = nn.Sequential(nn.Conv2d(5, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(GeometryError, match="reads 1 or 3 channels"):
        alexnet.kernel_statistics(wrapped(deep))
    torch.save(deep.state_dict(), tmp_path / "deep.pt")
    with pytest.raises(WeightsError, match=r"deep.pt: no convolution reads 1 or 3 channels"):
        alexnet.kernel_statistics(tmp_path / "deep.pt")
    torch.save(nn.Linear(4, 2).state_dict(), tmp_path / "linear.pt")
    with pytest.raises(WeightsError, match=r"linear.pt: has no convolution"):
        alexnet.kernels(tmp_path / "linear.pt")


@pytest.mark.slow
def test_caffes_weight_file_has_a_gray_and_a_colored_tower(shared_data: Path) -> None:
    path = shared_data / "weights" / "caffe_alexnet_conv_q7.npz"
    if not path.is_file():
        pytest.skip(f"Caffe's weights are missing: {path} is not there")
    statistics = alexnet.kernel_statistics(path)
    assert statistics.towers is not None
    gray, colored = sorted([statistics.towers.first, statistics.towers.second])
    assert gray < 0.1 < 0.4 < colored
    assert str(statistics).startswith(f"{statistics.num_good} of 96 kernels fitted well (")
    assert "; towers: median colorfulness 0." in str(statistics)
    assert str(statistics).endswith(", p = 0.0001")
    text = [each.get_text() for each in alexnet.draw_first_layer(path).axes[0].texts]
    assert text[0].startswith(f"{statistics.sorted_by_kind()[0]}: edge ")
    assert all("\nr² " in label for label in text)
    assert len(text) == 96


def test_run_opened_as_the_current_folder_has_its_name(narrow_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(narrow_run.path)
    here = alexnet.open_run(".")
    assert here.name == narrow_run.path.name
    assert here.draw_kernels().get_suptitle().startswith(f"conv1 of {here.name}: ")
    assert alexnet.draw_kernel_change(".").get_suptitle().startswith(f"conv1 of {here.name}: ")
    assert f"above: {here.name}, below: {here.name}" in alexnet.draw_kernel_pairs(".", ".").get_suptitle()
