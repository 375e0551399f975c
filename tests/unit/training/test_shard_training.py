"""Trainings on shards: the same from a folder and a server, the same after a kill; a changed set is refused."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alexnet
from alexnet.data.folder import scan_folder
from alexnet.data.streamed import StreamedPixels
from alexnet.data.write_shards import write_shards
from alexnet.errors import DataError, RunError
from alexnet.run_folder import RunFolder
from alexnet.runs.evaluate_runs import evaluate
from alexnet.training import launch
from alexnet.training.events import Event, Stepped, ignore
from alexnet.training.plan import plan_training
from alexnet.training.preparation import prepare
from alexnet.training.processes import Processes
from alexnet.training.train import resume, train
from tests import processes
from tests.conftest import small_recipe, write_images
from tests.kills import Killer
from tests.shard_server import ShardServer, serve

Command = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.slow
RECIPE = small_recipe(epochs=2, batch_size=8, save_minutes=1e-9, initialization="patches", normalization="dataset")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training and two test shards of 30 + 12 images."""
    root = tmp_path_factory.mktemp("shard-training")
    write_images(root / "images" / "train", 10)
    write_images(root / "images" / "test", 4, first=1000)
    write_shards(root / "images", root / "shards", shard_mb=0.06)
    return root / "shards"


@pytest.fixture(scope="module")
def killer(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Killer:
    return Killer(shards, tmp_path_factory.mktemp("killed"), RECIPE)


@pytest.fixture(scope="module")
def alone(killer: Killer) -> tuple[dict[str, str], int]:
    if not Path("/proc/self/fd").is_dir() or not hasattr(os, "fork"):
        pytest.skip("needs fork and /proc")
    return killer.reference()


@pytest.fixture
def server(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShardServer]:
    monkeypatch.setattr("alexnet.downloads.WAIT_SECONDS", (0.01,) * 3)
    monkeypatch.setattr("alexnet.downloads.TIMEOUT_SECONDS", 0.2)
    shutil.copytree(shards, tmp_path / "served")
    with serve(tmp_path / "served") as serving:
        yield serving


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_killed_within_an_epoch_and_resumed_ends_with_the_same_bytes(
    killer: Killer, alone: tuple[dict[str, str], int], place: float
) -> None:
    expected, num_moments = alone
    case = killer.root / f"write-{place}"
    assert killer.disturb(case, round(place * (num_moments - 1))) == -signal.SIGKILL
    assert killer.differences(case, expected) == []


def test_from_a_server_that_drops_and_stalls_the_result_is_the_same(
    killer: Killer, alone: tuple[dict[str, str], int], server: ShardServer, tmp_path: Path
) -> None:
    expected, num_moments = alone
    server.faults = {"train-000001.tar": ["drop", 500], "train-000002.tar": ["stall"], "test-000000.tar": [503]}
    remote = Killer(server.address, tmp_path, killer.recipe)
    case = tmp_path / "case"
    assert remote.disturb(case, num_moments // 2) == -signal.SIGKILL
    assert remote.differences(case, expected) == []
    about = json.loads((case / "run" / "run.json").read_text())
    assert about["data"]["path"] == server.address.removesuffix("/shards.json")


def test_a_changed_or_moved_set_is_one_line(shards: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(shards, tmp_path / "own"))
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexnet.training.train._finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(own, RECIPE, out=out)
    moved = own.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="own: no such file or folder; put the images back, or give --data"):
        resume(out)
    changed = json.loads((moved / "shards.json").read_text())
    changed["shards"][0]["sha256"] = "0" * 64
    (tmp_path / "changed").mkdir()
    for path in moved.iterdir():
        shutil.copy(path, tmp_path / "changed")
    (tmp_path / "changed" / "shards.json").write_text(json.dumps(changed))
    with pytest.raises(RunError, match="changed have changed since the run was started"):
        resume(out, data=tmp_path / "changed")
    assert resume(out, data=moved).about.is_finished


def test_a_set_that_changes_on_the_server_names_shard_and_step(server: ShardServer, tmp_path: Path) -> None:
    for path in server.folder.glob("train-*.tar"):
        data = bytearray(path.read_bytes())
        data[600] ^= 1
        path.write_bytes(data)
    with pytest.raises(Exception, match=r"train-00000\d.tar: has changed on the server"):
        train(server.address, small_recipe(epochs=1, batch_size=8), out=tmp_path / "run")


def test_shards_that_go_away_cost_no_step(shards: Path, tmp_path: Path) -> None:
    is_away = False
    read = StreamedPixels.read_into

    def leave(event: Event) -> None:
        nonlocal is_away
        is_away = isinstance(event, Stepped) and event.record.step == 4

    def read_or_fail(pixels: StreamedPixels, *arguments: Any) -> None:
        if is_away:
            raise DataError("train-000001.tar: cannot be read; restore the shard")
        read(pixels, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamedPixels, "read_into", read_or_fail)
        with pytest.raises(DataError, match=r"train-000001.tar"):
            train(shards, RECIPE.replace(save_minutes=10.0), out=tmp_path / "run", on_event=leave)
    last = int(RunFolder.open(tmp_path / "run").state_manifests()[0].stem.removeprefix("step-"))
    assert last in (4, 5)  # the batch of step 5 may have been read ahead
    assert resume(tmp_path / "run").about.is_finished


def test_a_finished_run_is_evaluated_and_its_mistakes_are_shown(shards: Path, tmp_path: Path) -> None:
    run = train(shards, small_recipe(epochs=1, batch_size=8), out=tmp_path / "run")
    assert run.about.data.images == {"train": 30, "validation": 0, "test": 12}
    again = evaluate(run.path)
    assert again.evaluation.confusion == run.evaluation.confusion
    assert evaluate(run.path, data=shards).evaluation.confusion == run.evaluation.confusion
    assert evaluate(run.path, views="ten_crop").evaluation.num_images == 12
    files = [prediction.file for prediction in run.predictions]
    assert all(name.startswith("test/") for name in files)
    images = run.images_of(files[:2])
    assert list(images) == files[:2] and images[files[0]].shape == (67, 67, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"normalization": "mean_image", "pca_color": 0.1},
        {"validation_fraction": 0.2, "batch_size": "auto", "crop_scale": "auto"},
    ],
)
def test_recipes_that_look_at_the_images_first(shards: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    run = train(shards, small_recipe(**{"epochs": 1, "batch_size": 8, "validation_fraction": 0.0, **changes}),
                out=tmp_path / "run")  # fmt: skip
    assert run.about.is_finished


def test_training_on_shards_and_on_the_folder_of_equal_images_is_the_same_but_for_the_order(
    shards: Path, tmp_path: Path
) -> None:
    """With one batch of all images, the order within it changes only the rounding."""
    recipe = small_recipe(epochs=1, batch_size=30, validation_fraction=0.0, normalization="dataset")
    runs = [train(path, recipe, out=tmp_path / path.name) for path in (shards, shards.parent / "images")]
    first, second = (run.about.preprocessing for run in runs)
    assert np.allclose(first.mean, second.mean, atol=0.01) and np.allclose(first.std, second.std, atol=0.01)
    assert sorted(p.file for p in runs[0].predictions) == sorted(p.file for p in runs[1].predictions)


def test_a_plan_of_shards_needs_no_cache(shards: Path) -> None:
    plan = plan_training(shards, small_recipe(epochs=1, batch_size=8))
    assert (plan.counts.train, plan.counts.test, plan.cache_bytes) == (30, 12, 0)


def test_command_trains_from_an_address(
    server: ShardServer, tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alexnet, "write_report", lambda run: run.path / "report.html", raising=False)
    words = ["--set", "variant=narrow", "--set", "size=67", "--set", "start_size=none", "--epochs", "1"]
    code, out, error = run_command("train", server.address, *words, "--out", tmp_path / "run", "--json")
    assert code == 0, error
    assert json.loads(out)["top1_error"] <= 1
    code, _, error = run_command("train", "http://127.0.0.1:9/a.zip")
    assert code == 2 and "is an address" in error


def test_nothing_decoded_is_kept_on_the_disk(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    train(scan_folder(shards), small_recipe(epochs=1, batch_size=8), out=tmp_path / "run")
    assert [path for path in (tmp_path / "cache").rglob("*.u8") if path.is_file()] == []


def test_two_processes_read_the_shards_of_their_own_lanes(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "worker_command", processes.worker_command)
    monkeypatch.setenv("PYTHONPATH", processes.environment(tmp_path)["PYTHONPATH"])
    recipe = small_recipe(epochs=1, batch_size=8, precision="float32", validation_fraction=0.0)
    job, _ = prepare(scan_folder(shards), recipe, ignore)
    assert isinstance(job.pixels, StreamedPixels) and job.order.num_lanes == 2
    own = [replace(job, processes=Processes(number, 2)).own_order(0) for number in range(2)]
    read = [set(job.pixels.source.shards_of(job.split.train.indices[places])) for places in own]
    assert not read[0] & read[1]
    both = train(shards, recipe, out=tmp_path / "both", processes=2)
    alone = train(shards, recipe, out=tmp_path / "alone")
    losses = [[step.loss for step in RunFolder.open(run.path).steps] for run in (both, alone)]
    assert np.allclose(*losses, rtol=1e-3)
