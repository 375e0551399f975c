"""What was planted must be found: a colored corner that decides a class, dead and duplicate kernels, one color."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from alexnet.inspection.faithfulness import check_map
from alexnet.model.checkpoint import Classifier
from alexnet.model.wrap_network import wrap_network
from alexnet.runs.ablate import ablate
from alexnet.runs.edit import edit
from alexnet.runs.explain import explain
from alexnet.runs.inside import inside
from alexnet.runs.unit import unit

SIZE = 48


def draw(kind: str, seed: int) -> Image.Image:
    """Gray noise; `marked` images have a red corner, 10 px a side, at the bottom right."""
    rng = np.random.default_rng([seed, kind == "marked"])
    pixels = np.repeat(rng.integers(60, 190, (SIZE, SIZE, 1)), 3, 2).astype(np.uint8)
    if kind == "marked":
        pixels[-10:, -10:] = (230, 20, 20)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders `marked` and `plain`."""
    root = tmp_path_factory.mktemp("corner")
    for kind in ("marked", "plain"):
        (root / kind).mkdir()
        for seed in range(40):
            draw(kind, seed).save(root / kind / f"{seed:02d}.png")
    return root


@pytest.fixture(scope="module")
def trained(folder: Path) -> Classifier:
    """A small network that learned the two classes from the images, not one set by hand."""
    random = torch.get_rng_state()
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 5, 2), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 2),
    )  # fmt: skip
    classifier = wrap_network(network, ["marked", "plain"], size=SIZE, mean=(125.0,) * 3, std=(60.0,) * 3)
    images = np.stack([np.asarray(draw(kind, seed)) for kind in classifier.classes for seed in range(40)])
    x = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 125.0) / 60.0
    y = torch.tensor([0] * 40 + [1] * 40)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    network.eval()
    assert (network(x).argmax(1) == y).all()
    torch.set_rng_state(random)
    return classifier


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam"])
def test_map_lands_on_the_corner_and_the_deletion_test_confirms_it(
    trained: Classifier, folder: Path, method: str
) -> None:
    pytest.importorskip("captum")
    files = [folder / "marked" / f"{seed:02d}.png" for seed in range(4)]
    for each in explain(trained, files, target="marked", method=method):
        row, column = np.unravel_index(each.map.values.argmax(), each.map.values.shape)
        assert min(row, column) >= SIZE - 16, (row, column)
        assert each.map.values[-14:, -14:].sum() > 0.5 * each.map.values.sum()
        assert each.test.says_something, str(each.test)
        assert each.test.own.deletion < min(each.test.random.deletion, each.test.blob.deletion)


def test_a_map_that_points_elsewhere_does_not_pass(trained: Classifier, folder: Path) -> None:
    pytest.importorskip("captum")
    from dataclasses import replace

    (each,) = explain(trained, folder / "marked" / "00.png", target="marked")
    wrong = replace(each.map, values=each.map.values[::-1, ::-1].copy())
    assert not check_map(trained, wrong).says_something


def test_the_unit_that_decides_is_excited_by_the_corner(trained: Classifier, folder: Path) -> None:
    decision = inside(trained, folder / "marked" / "05.png", data=folder).path.decision
    assert (decision.winner, decision.layer) == ("marked", "8")
    strongest = unit(trained, decision.towards_winner[0].unit, data=folder)
    assert strongest.classes[0].name == "marked"
    assert strongest.classes[0].fraction == 1.0


def test_covering_all_but_the_corner_keeps_the_class_and_shifting_it_out_loses_it(
    trained: Classifier, folder: Path
) -> None:
    cover, shift = edit(trained, folder / "marked" / "00.png", ["cover", "shift-y"]).curves
    assert cover.predicted[cover.amounts.index(0.3)] == "marked"
    assert shift.lost_above is not None and shift.lost_above <= 12 / SIZE


def test_dead_and_duplicate_kernels_of_any_network_are_named(trained: Classifier, folder: Path) -> None:
    layer = trained.network.get_submodule("2")
    kept = layer.weight.detach().clone(), layer.bias.detach().clone()
    try:
        with torch.no_grad():
            layer.weight[3].zero_()
            layer.bias[3] = -1.0
            layer.weight[5] = 0.5 * layer.weight[4]
        sweep = ablate(trained, "2", data=folder)
    finally:
        with torch.no_grad():
            layer.weight.copy_(kept[0])
            layer.bias.copy_(kept[1])
    assert 3 in sweep.dead
    assert (4, 5) in sweep.duplicates
    assert sweep.units[3].difference == 0.0


@pytest.mark.slow
def test_unit_five_set_by_hand_to_one_color_shows_that_color(trained: Classifier, folder: Path) -> None:
    layer = trained.network.get_submodule("0")
    kept = layer.weight.detach().clone(), layer.bias.detach().clone()
    try:
        with torch.no_grad():
            layer.weight[5] = torch.tensor([2.0, -1.0, -1.0])[:, None, None] / 25
            layer.bias[5] = 0.0
        view = unit(trained, "0/5", data=folder, synthesized=True)
    finally:
        with torch.no_grad():
            layer.weight.copy_(kept[0])
            layer.bias.copy_(kept[1])
    assert view.field == (5, 5)
    assert {patch.label for patch in view.strips[0].patches} == {"marked"}
    for patch in view.strips[0].patches:
        assert (patch.pixels == (230, 20, 20)).all()
        assert min(patch.top, patch.left) >= SIZE - 10
    assert view.maximum == pytest.approx((2 * (230 - 125) - 2 * (20 - 125)) / 60, rel=1e-4)
    assert view.synthesized is not None
    red, green, blue = view.synthesized.image.reshape(-1, 3).mean(0)
    assert red > 220 and max(green, blue) < 35
