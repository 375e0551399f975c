"""The network of every epoch: kept where it is asked for, found by RUN@EPOCH, trained on from."""

import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from alexnet.errors import RunError, WeightsError
from alexnet.run_folder import RunFolder
from alexnet.runs.run import Run
from alexnet.training.epoch_networks import find_epoch_network, load_epoch_network, run_of_weights
from alexnet.training.train import train
from tests.conftest import small_recipe


def same(one: Path, other: Path) -> bool:
    first, second = safetensors.torch.load_file(one), safetensors.torch.load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_a_run_is_trained_on_from_any_epoch(image_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=2, validation_fraction=0.0, keep_networks=True, normalization="mean_image")
    run = train(image_folder, recipe, out=tmp_path / "first")
    kept = dict(run.folder.network_snapshots())
    assert list(kept) == [1, 2]
    assert same(kept[2], run.folder.model_path) and not same(kept[1], kept[2])
    loaded = load_epoch_network(run.folder, 1).network.state_dict()
    expected = safetensors.torch.load_file(kept[1])
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    with pytest.raises(RunError, match="has not kept the network after epoch 7"):
        load_epoch_network(run.folder, 7)
    still = {"learning_rate": 1e-12, "muon_learning_rate": 1e-12, "weight_decay": 0.0, "epochs": 1}
    on = train(image_folder, recipe.replace(weights=f"{run.path}@1", **still), out=tmp_path / "on")
    first, after = safetensors.torch.load_file(kept[1]), safetensors.torch.load_file(on.folder.model_path)
    assert all(torch.allclose(first[name], after[name], atol=1e-6) for name in first)
    shutil.rmtree(run.path / "networks")
    with pytest.raises(
        WeightsError, match=r"first@1: no network of that epoch was kept.* without keep_networks=true; without `@1` "
    ):
        train(image_folder, recipe.replace(weights=f"{run.path}@1"), out=tmp_path / "other")


def test_only_what_is_there_is_an_epoch(narrow_run: Run, tmp_path: Path) -> None:
    run = Path(shutil.copytree(narrow_run.path, tmp_path / "run"))
    (run / "networks").mkdir()
    for name in ("epoch-0003.safetensors", "epoch-x.safetensors"):
        (run / "networks" / name).write_bytes(b"")
    kept = run / "networks" / "epoch-0003.safetensors"
    with pytest.raises(RunError, match=r"epoch-0003\.safetensors: is damaged"):
        load_epoch_network(RunFolder(run), 3)
    assert find_epoch_network(f"{run}@3") == kept
    with pytest.raises(
        WeightsError,
        match=r"run@4: no network of that epoch was kept; the run has those of epochs 3; choose one of them$",
    ):
        find_epoch_network(f"{run}@4")
    assert find_epoch_network(str(run)) is None and find_epoch_network(f"{tmp_path / 'none'}@3") is None
    (tmp_path / "run@3").mkdir()
    assert find_epoch_network(f"{run}@3") is None, "a folder of that name comes first"
    owner = run_of_weights(kept)
    assert owner is not None and owner.path == run
    assert run_of_weights(run / "networks" / "epoch-x.safetensors") is None
    assert run_of_weights(RunFolder(run).model_path) is not None
