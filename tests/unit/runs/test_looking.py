"""What can be asked of a run's network: neighbors, units taken away, calibration, heat maps, the film of kernels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet.errors import DataError, GeometryError, RecipeError, RunError
from alexnet.figures.canvas import save_figure
from alexnet.report.kernel_film import write_kernel_film
from alexnet.runs.ablate import ablate
from alexnet.runs.ablate_units import ablate_units
from alexnet.runs.calibrate import calibrate
from alexnet.runs.explain import draw_explanations, explain
from alexnet.runs.first_kernels import (
    draw_first_layer,
    draw_kernel_change,
    draw_kernel_pairs,
    draw_orientations,
    kernel_history,
    match_runs,
)
from alexnet.runs.run import Run
from alexnet.runs.similar import features, neighbours


def test_a_training_image_is_not_its_own_neighbor_and_labels_are_those_of_the_folders(
    narrow_run: Run, image_folder: Path
) -> None:
    image = image_folder / "train" / "rings" / "rings_000.png"
    (result,) = neighbours(narrow_run, image, k=3)
    assert len(result.neighbours) == 3
    assert "train/rings/rings_000.png" not in {near.file for near in result.neighbours}
    assert all(near.file.split("/")[1] == near.label for near in result.neighbours)
    distances = [near.distance for near in result.neighbours]
    assert distances == sorted(distances)
    others = sum(near.label != result.prediction.predicted for near in result.neighbours)
    assert result.to_dict()["disagree"] == (2 * others > 3)


def test_features_have_a_row_for_every_image(narrow_run: Run) -> None:
    assert features(narrow_run.path, "pool5").values.shape[0] == 72 + 21


def test_ablation_equals_weights_set_to_zero(narrow_run: Run) -> None:
    sweep = ablate(narrow_run, "conv5")
    assert sweep.num_images == 21
    assert sweep.baseline_error == pytest.approx(sweep.units[0].error - sweep.units[0].difference)
    network = narrow_run.model.network
    for number in (0, 7):
        kept = network["conv5"].weight[number].clone(), network["conv5"].bias[number].clone()
        alone = ablate_units(narrow_run, {"conv5": [number]})
        with torch.no_grad():
            network["conv5"].weight[number].zero_()
            network["conv5"].bias[number].zero_()
            by_hand = ablate_units(narrow_run, {"conv5": []})
            network["conv5"].weight[number].copy_(kept[0])
            network["conv5"].bias[number].copy_(kept[1])
        assert alone.error == by_hand.error == sweep.units[number].error
        assert alone.interval[0] <= alone.difference <= alone.interval[1]


def test_dead_and_duplicate_kernels_are_named(narrow_run: Run) -> None:
    layer = narrow_run.model.network["conv1"]
    kept = layer.weight.detach().clone(), layer.bias.detach().clone()
    try:
        with torch.no_grad():
            layer.weight[3].zero_()
            layer.bias[3] = -1.0
            layer.weight[9] = 2.0 * layer.weight[8]
        result = ablate(narrow_run, "conv1")
    finally:
        with torch.no_grad():
            layer.weight.copy_(kept[0])
            layer.bias.copy_(kept[1])
    assert 3 in result.dead
    assert (8, 9) in result.duplicates
    assert result.units[3].difference == 0.0


@pytest.mark.slow
def test_figures_of_a_run_are_drawn(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("captum")
    image = image_folder / "test" / "down" / "down_1000.png"
    figures = [
        ablate(narrow_run, "conv1").draw(),
        calibrate(narrow_run).draw(),
        draw_explanations(explain(narrow_run, image)),
        draw_kernel_change(narrow_run),
        draw_first_layer(narrow_run),
        draw_orientations(narrow_run),
        draw_kernel_pairs(narrow_run, narrow_run),
    ]
    for number, figure in enumerate(figures):
        assert save_figure(figure, tmp_path / f"{number}.png").stat().st_size > 5000


def test_temperature_is_fitted_on_validation_images(narrow_run: Run) -> None:
    report = calibrate(narrow_run)
    assert report.num_validation == 15
    assert report.temperature is not None
    assert report.before.num_images == 21
    assert report.before.accuracy == pytest.approx(1.0 - narrow_run.evaluation.top1_error)
    assert report.to_dict()["after"]["num_images"] == 21


def test_explanation_gives_what_its_test_says(narrow_run: Run, image_folder: Path) -> None:
    pytest.importorskip("captum")
    image = image_folder / "test" / "rings" / "rings_1000.png"
    (result,) = explain(narrow_run, image, target="down", layer="conv3")
    values = result.to_dict()
    assert (values["target"], values["layer"]) == ("down", "conv3")
    assert isinstance(values["says_something"], bool)
    assert values["own"]["score"] == pytest.approx(values["own"]["insertion"] - values["own"]["deletion"])


def test_kernels_are_kept_at_the_start_and_after_every_epoch(narrow_run: Run, tmp_path: Path) -> None:
    history = kernel_history(narrow_run)
    assert history.epochs == (0, 1, 2)
    own = narrow_run.model.network["conv1"].weight.detach().numpy()
    epoch = narrow_run.folder.read_json("model.json")["epoch"]
    np.testing.assert_allclose(history.weights[epoch], own, rtol=2e-3, atol=1e-5)
    assert 0.0 < history.summary().cosine_to_start < 1.0
    page = write_kernel_film(narrow_run, tmp_path / "film.html").read_text()
    assert page.count("<img") == 3
    assert write_kernel_film(narrow_run, tmp_path / "film.gif").stat().st_size > 1000
    assert all(pair.correlation == pytest.approx(1.0) for pair in match_runs(narrow_run, narrow_run))


def test_run_without_snapshots_says_so(narrow_run: Run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(narrow_run.path, tmp_path / "run")
    damaged = tmp_path / "run" / "kernels" / "epoch-0001.npy"
    damaged.write_bytes(b"no numbers")
    with pytest.raises(RunError, match=r"epoch-0001\.npy: is damaged"):
        kernel_history(tmp_path / "run")
    shutil.rmtree(damaged.parent)
    with pytest.raises(RunError, match="holds no kernels of single epochs"):
        kernel_history(tmp_path / "run")


def test_what_cannot_be_asked_is_refused(narrow_run: Run, tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="pool1: has no units"):
        ablate(narrow_run, "pool1")
    with pytest.raises(GeometryError, match="fc8: has no units to switch off"):
        ablate(narrow_run, "fc8")
    with pytest.raises(DataError):
        neighbours(narrow_run, tmp_path / "gone.png")


def test_unit_switched_off_by_its_mean_gives_its_mean(narrow_run: Run) -> None:
    """The mean over the training images, computed by hand; a unit that is constant changes nothing."""
    from alexnet.inspection.network_layers import network_input
    from alexnet.inspection.recording import recorded
    from alexnet.runs.tested_images import replacements
    from alexnet.runs.train_images import training_images

    images, rows = training_images(narrow_run)
    network = narrow_run.model.network
    with recorded(network, ["conv2"]) as outputs:
        network(network_input(narrow_run.model, images.pixels[rows]))
    expected = outputs["conv2"].mean((0, 2, 3))
    values = replacements(narrow_run, "conv2", "mean", None)
    assert values is not None
    torch.testing.assert_close(values, expected.cpu(), rtol=1e-4, atol=1e-5)
    sweep = ablate(narrow_run, "conv2", by="mean")
    assert sweep.by == "mean" and len(sweep.units) == 48
    assert ablate_units(narrow_run, {"conv2": [7]}, by="mean").error == sweep.units[7].error
    with pytest.raises(RecipeError, match="by median: choose one of zero, mean"):
        ablate(narrow_run, "conv2", by="median")


def test_a_figure_of_many_heat_maps_shows_the_first_and_says_so(
    narrow_run: Run, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("captum")
    monkeypatch.setattr("alexnet.runs.explain.MOST_DRAWN", 2)
    image = image_folder / "test" / "down" / "down_1000.png"
    seen: list[tuple[int, int]] = []
    explanations = explain(narrow_run, [image] * 3, on_progress=lambda *counts: seen.append(counts))
    assert seen == [(done, 6) for done in range(3, 7)]  # the maps of one pass, then test after test
    figure = draw_explanations(explanations)
    assert len(figure.axes) == 2 * 4
    assert figure.get_suptitle() == "the first 2 of 3 heat maps"
    test = explanations[0].test
    assert figure.axes[3].get_title(loc="left").startswith("the same method, random weights\n")
    assert figure.axes[3].get_xlabel() == f"correlation with the map {test.similarity:.2f}"
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), test.randomized_map)
    own = explanations[0].map.values
    assert np.corrcoef(own.ravel(), test.randomized_map.ravel())[0, 1] == pytest.approx(test.similarity)
    assert not np.array_equal(own, test.randomized_map)
    assert "randomized_map" not in explanations[0].to_dict()
