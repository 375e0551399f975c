"""Training on from the network of a run, or of one of its epochs."""

import shutil
from pathlib import Path

import pytest

import alexnet
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, build_recipe, parse_settings
from alexnet.run_folder import RunFolder
from alexnet.studio.train_on import LEARNING_RATES, train_on
from tests.studio_server import Studio


def test_training_on_is_the_runs_recipe_from_its_weights_at_a_tenth_of_the_rate(
    studio: Studio, place: Path, started: list[tuple[str, ...]]
) -> None:
    run = RunFolder.open(place / "runs" / "first")
    recipe, values = run.recipe, train_on(studio.workspace, "first", run)
    assert (values["preset"], values["corrected"], values["epoch"]) == ("fast", False, run.model_info.epoch)
    assert (
        values["settings"]["weights"] == "first" and values["settings"]["learning_rate"] == recipe.learning_rate / 10
    )
    studio.post("/api/train", values | {"data": "images"})
    (words,) = started
    settings = dict(word.split("=", 1) for word in words[7::2])
    same = {field for field in Recipe.model_fields if field not in ("name", "weights", *LEARNING_RATES)}
    chosen = parse_settings(PRESETS["fast"], [f"{key}={value}" for key, value in settings.items()])
    assert {field: getattr(chosen, field) for field in same} == {field: getattr(recipe, field) for field in same}
    assert (chosen.weights, chosen.muon_learning_rate) == (str(run.path), recipe.muon_learning_rate / 10)


def test_training_on_from_an_epoch_names_its_network(
    studio: Studio, place: Path, started: list[tuple[str, ...]]
) -> None:
    run = RunFolder.open(place / "runs" / "first")
    assert train_on(studio.workspace, "first", run)["epochs"] == []
    kept = run.path / "networks" / "epoch-0001.safetensors"
    kept.parent.mkdir()
    try:
        kept.write_bytes(b"")
        assert train_on(studio.workspace, "first", run)["epochs"] == [1]
        studio.post("/api/train", {"data": "images", "preset": "fast", "settings": {"weights": "first@1"}})
        assert f"weights={run.path}@1" in started[-1]
        assert studio.post("/api/train", {"data": "images", "settings": {"weights": "none@1"}}).status == 404
    finally:
        shutil.rmtree(kept.parent)


@pytest.mark.slow
def test_training_on_starts_where_the_run_ended_and_holds_out_the_same_images(
    studio: Studio, place: Path, tmp_path: Path
) -> None:
    run = RunFolder.open(place / "runs" / "first")
    still = dict.fromkeys(LEARNING_RATES, 1e-12)  # at which the weights stay what they are
    values = train_on(studio.workspace, "first", run)["settings"] | still | {"weights": str(run.path), "epochs": 1}
    after = alexnet.train(place / "images", build_recipe(PRESETS["fast"].model_dump() | values), out=tmp_path / "on")
    before = {each.file: each for each in run.predictions}
    assert {each.file for each in after.predictions} == set(before)
    for each in after.predictions:
        assert each.probability == pytest.approx(before[each.file].probability, abs=0.01)
