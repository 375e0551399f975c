"""The plan of a training: its arithmetic against numbers worked out by hand, its counts against a real training."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from alexnet.errors import DataError, RecipeError
from alexnet.model.alexnet import AlexNet
from alexnet.model.variants import get_variant
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.runs.run import Run
from alexnet.training import speed
from alexnet.training.optimizer import OPTIMIZERS, Optimizers
from alexnet.training.plan import Counts, Plan, lay_out, plan_training
from alexnet.training.schedule import Rates
from alexnet.training.speed import Speeds, measure_speeds
from tests.conftest import small_recipe, write_images

Command = Callable[..., tuple[int, str, str]]

# 32 images pass in 8 s, the update takes 0.5 s; 100 files/s are decoded
SPEEDS = Speeds("cpu", 32, 3, 8.0, 0.5, 256, 0, 100.0)
ILSVRC = Counts(files=1_281_167, classes=1000, train=1_281_167, validation=0, test=0)
MULTIPLY_ADDS = (
    96 * 11 * 11 * 3 * 55 * 55
    + 256 * 5 * 5 * 48 * 27 * 27
    + 384 * 3 * 3 * 256 * 13 * 13
    + 384 * 3 * 3 * 192 * 13 * 13
    + 256 * 3 * 3 * 192 * 13 * 13
    + 4096 * 9216
    + 4096 * 4096
    + 1000 * 4096
)


def _plan(recipe: Recipe, counts: Counts = ILSVRC, speeds: Speeds = SPEEDS, free: int = 10**12) -> Plan:
    return lay_out(Path("images"), recipe, counts, speeds, cache_path=Path("cache"), free_bytes=free)


def test_imagenet_by_the_paper_s_recipe_is_what_one_works_out_by_hand() -> None:
    plan = _plan(PRESETS["paper"])
    assert (plan.batch_size, plan.steps_per_epoch, plan.num_steps) == (128, 10_009, 900_810)
    assert plan.cache_bytes == 1_281_167 * 256 * 256 * 3 == 251_887_681_536
    assert plan.parameters == 60_965_224
    assert plan.multiply_adds == MULTIPLY_ADDS == 724_406_816
    assert plan.flop == 6 * 724_406_816
    assert plan.total_flop == 6 * 724_406_816 * 128 * 900_810
    assert plan.memory.weights == plan.memory.gradients == plan.memory.momentum == 4 * 60_965_224
    assert plan.paper.days == (5.0, 6.0)


def test_memory_of_activations_counts_the_outputs_of_every_layer_that_makes_some() -> None:
    maps = 2 * 96 * 55**2 + 96 * 27**2 + 2 * 256 * 27**2 + 256 * 13**2 + (384 + 384 + 256) * 13**2 + 256 * 6**2
    made = 3 * 224**2 + maps + 4 * 4096 + 1000  # conv and LRN, pooling; fc6 and fc7, each with its dropout; fc8
    assert _plan(PRESETS["paper"]).memory.activations == 4 * 128 * made


def test_times_follow_from_the_measured_speeds() -> None:
    counts = Counts(files=1500, classes=10, train=1280, validation=120, test=100)
    plan = _plan(PRESETS["paper"].replace(epochs=2), counts)
    step = 8.0 * 128 / 32 + 0.5
    view = 8.0 / 32 / 3  # forward is a third of forward and backward
    assert plan.steps_per_epoch == 10
    assert plan.decode_seconds == pytest.approx(15.0)
    assert plan.epoch_seconds == pytest.approx(10 * step + 220 * view)
    assert plan.training_seconds == pytest.approx(15.0 + 2 * (10 * step + 220 * view) + 100 * 10 * view)


def test_batch_is_no_larger_than_the_training_set() -> None:
    plan = _plan(PRESETS["paper"], Counts(files=60, classes=3, train=40, validation=10, test=10))
    assert (plan.batch_size, plan.steps_per_epoch, plan.num_steps) == (40, 1, 90)


def test_growing_images_take_less_than_full_ones() -> None:
    counts = Counts(files=6000, classes=8, train=5000, validation=500, test=500)
    fast = PRESETS["fast"].replace(epochs=8, batch_size=128)
    grown, full = _plan(fast, counts), _plan(fast.replace(start_size=None), counts)
    assert full.total_flop == full.flop * 128 * full.num_steps
    assert 0.6 * full.total_flop < grown.total_flop < 0.95 * full.total_flop
    assert grown.training_seconds < full.training_seconds


def test_warnings_name_what_to_mend() -> None:
    none_held_out = replace(ILSVRC, test=1, validation=0)
    message = _plan(PRESETS["paper"], none_held_out, replace(SPEEDS, num_unusable=2), free=10**9).warnings
    assert len(message) == 3
    assert message[0] == (
        "cache: the decoded images need 251.9 GB, and its disk has 1.0 GB free; make room on it, or set "
        "ALEXNET_CACHE to a folder on another disk"
    )
    assert message[1].startswith("schedule = plateau needs validation images")
    assert "2 of 256 files tried are damaged or not images; `alexnet data check images` lists them" in message[2]
    assert _plan(PRESETS["program"]).warnings == ()


def test_few_steps_are_warned_of_with_the_settings_that_give_more() -> None:
    counts = Counts(files=330, classes=2, train=285, validation=15, test=30)
    (message,) = _plan(PRESETS["fast"].replace(epochs=8, batch_size=128), counts).warnings
    assert message == (
        "the training has only 16 steps (8 epochs, 2 in each), too few to learn kernels from scratch; "
        "set epochs=auto and batch_size=auto (about 646 steps)"
    )
    tuned = PRESETS["finetune"].replace(variant="seminar", weights="kernels.pth", epochs=3, batch_size=64)
    assert _plan(tuned, counts).warnings == ()


@pytest.mark.parametrize("factor", [1.0, 0.0])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_momentum_is_what_the_optimizer_keeps_after_a_step(name: str, factor: float) -> None:
    recipe = small_recipe(optimizer=name, variant="seminar", momentum=0.9, kernel_learning_rate_factor=factor)
    network = AlexNet(get_variant("seminar"), size=67, num_classes=3)
    optimizers = Optimizers(network, recipe)
    network(torch.zeros(1, 3, 67, 67)).sum().backward()
    optimizers.step(Rates(1e-3, 1e-3))
    kept = sum(tensor.nbytes for tensor in optimizers.state_tensors().values() if tensor.ndim)
    plan = _plan(recipe, Counts(files=60, classes=3, train=40, validation=10, test=10))
    assert plan.memory.momentum == kept


def test_counts_and_steps_are_those_of_a_real_training(
    image_folder: Path, narrow_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.training.plan.measure_speeds", lambda *_, **__: SPEEDS)
    plan = plan_training(image_folder, small_recipe(validation_fraction=0.2))
    counts = {"train": plan.counts.train, "validation": plan.counts.validation, "test": plan.counts.test}
    assert counts == narrow_run.about.data.images
    assert plan.num_steps == narrow_run.folder.steps[-1].step
    assert plan.parameters == sum(p.numel() for p in narrow_run.model.network.parameters())


@pytest.mark.slow
def test_measured_speeds_are_positive_and_the_batch_is_cut_to_the_time(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alexnet.data.folder import scan_folder

    monkeypatch.setattr(speed, "STEP_SECONDS", 1e-9)
    state = torch.get_rng_state()
    result = measure_speeds(scan_folder(image_folder), PRESETS["paper"].replace(size=64), num_classes=3, batch=40)
    assert torch.equal(torch.get_rng_state(), state), "the random state is left as found"
    assert (result.batch, result.num_decoded, result.num_unusable) == (16, 93, 0)
    assert min(result.pass_seconds, result.update_seconds, result.decode_speed) > 0
    assert result.step_seconds(32) == pytest.approx(2 * result.pass_seconds + result.update_seconds)


@pytest.mark.slow
def test_plan_makes_neither_run_nor_cache(
    run_command: Command, image_folder: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    words = ["train", image_folder, "--preset", "paper-small", "--set", "size=64", "--plan"]
    code, out, err = run_command(*words, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert values["counts"]["classes"] == 3
    assert values["memory"]["weights"] == 4 * values["parameters"]
    assert values["speeds"]["pass_seconds"] > 0
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("alexnet.training.plan.measure_speeds", lambda *_, **__: SPEEDS)
    code, out, _ = run_command(*words)
    assert code == 0
    assert "5 to 6 days" in out
    assert "two GTX 580" in out
    assert "batches of" in out


def test_plan_of_a_file_that_is_no_image_and_of_too_few_images(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 3)
    (tmp_path / "set" / "down" / "note.jpg").write_text("no image")
    assert plan_training(tmp_path / "set", small_recipe()).speeds.num_unusable == 1
    with pytest.raises(RecipeError, match="variant nonsense: no such network"):
        plan_training(tmp_path / "set", small_recipe(variant="nonsense"))
    (tmp_path / "lone" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="has no images in class folders"):
        plan_training(tmp_path / "lone", small_recipe())
