"""The loop: seeds, resuming, interruption, what it writes and warns of."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from alexnet.errors import AlexNetError, RecipeError, RunError
from alexnet.evaluation.evaluate import HeldOutScore
from alexnet.presets import PRESETS
from alexnet.runs.run import Run, open_run
from alexnet.training.events import Ended, Event, Note, Stepped, Warned, ignore
from alexnet.training.resume import TrainingState
from alexnet.training.settle import settle_recipe
from alexnet.training.train import free_run_path, resume, train
from tests.conftest import small_recipe


def weights(run: Run) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run.folder.model_path)


def equal(first: Run, second: Run) -> bool:
    one, two = weights(first), weights(second)
    return all(torch.equal(one[name], two[name]) for name in one)


def test_finished_run_holds_all_its_files(narrow_run: Run) -> None:
    names = {path.name for path in narrow_run.path.iterdir()}
    assert {
        "recipe.toml", "run.json", "left_out.csv", "steps.csv", "epochs.csv", "model.safetensors", "model.json",
        "evaluation.json", "predictions.csv",
    } <= names  # fmt: skip
    assert not {"state", "latest.json"} & names
    about = narrow_run.folder.read_json("run.json")
    assert about["status"] == "finished"
    assert about["classes"] == ["across", "down", "rings"]
    assert about["data"]["images"] == {"train": 57, "validation": 15, "test": 21}
    assert about["seed"] == 0


def test_every_step_and_epoch_is_recorded_with_held_out_scores(narrow_run: Run) -> None:
    assert [step.step for step in narrow_run.folder.steps] == list(range(1, 7))
    first, second = narrow_run.folder.epochs
    assert (first.step, second.step) == (3, 6)
    assert second.test_loss is not None
    assert second.validation_top1_error is not None
    assert second.test_top5_error is None, "three classes have no top-5 error"


def test_every_test_image_is_scored(narrow_run: Run) -> None:
    assert narrow_run.evaluation.num_images == len(narrow_run.predictions) == 21
    assert narrow_run.evaluation.num_mistakes == len(narrow_run.mistakes())


def test_last_network_is_kept_where_the_learning_rate_falls_to_zero(narrow_run: Run) -> None:
    assert narrow_run.recipe.schedule == "one_cycle"
    assert narrow_run.folder.read_json("model.json")["epoch"] == narrow_run.recipe.epochs


@pytest.mark.slow
def test_other_schedules_keep_the_latest_within_a_standard_error_of_the_lowest(
    image_folder: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(epochs=4, validation_fraction=0.2, schedule="drops", drops=[0.9], learning_rate=3e-3)
    run = train(image_folder, recipe, out=tmp_path / "run")
    errors = [epoch.validation_top1_error or 0.0 for epoch in run.folder.epochs]
    num_images = run.folder.read_json("run.json")["data"]["images"]["validation"]
    state = TrainingState()
    kept = [state.keeps(HeldOutScore(1.0, error, None), num_images) for error in errors]
    assert run.folder.read_json("model.json")["epoch"] == max(number for number, k in enumerate(kept, start=1) if k)


@pytest.mark.parametrize(
    ("wrong", "kept"),
    [
        ([20, 10, 12], [True, True, True]),  # 10 of 100: a standard error is 3 images
        ([20, 10, 14], [True, True, False]),
        ([20, 10, 14, 9], [True, True, False, True]),
        ([0, 0, 1], [True, True, False]),  # 0 of 100 counts as 1 of 102: a standard error is 0.99 images
    ],
)
def test_network_is_replaced_by_later_ones_within_a_standard_error(wrong: list[int], kept: list[bool]) -> None:
    state = TrainingState()
    assert [state.keeps(HeldOutScore(1.0, number / 100, None), 100) for number in wrong] == kept


def test_network_is_replaced_every_epoch_without_validation_images() -> None:
    state = TrainingState()
    assert [state.keeps(None, 0), state.keeps(None, 0)] == [True, True]


def test_same_seed_gives_the_same_weights(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    again = train(image_folder, small_recipe(validation_fraction=0.2), out=tmp_path / "again")
    assert equal(narrow_run, again)
    assert again.predictions == narrow_run.predictions


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_interrupted_and_resumed_equals_uninterrupted(image_folder: Path, tmp_path: Path, optimizer: str) -> None:
    recipe = small_recipe(optimizer=optimizer, epochs=2)
    straight = train(image_folder, recipe, out=tmp_path / "straight")

    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "broken", on_event=interrupt)
    assert (tmp_path / "broken" / "state" / "step-000000005.json").exists()
    resumed = resume(tmp_path / "broken")
    assert equal(straight, resumed)
    timeless = [(s.step, s.loss, s.top1_error) for s in resumed.folder.steps]
    assert timeless == [(s.step, s.loss, s.top1_error) for s in straight.folder.steps]
    assert resumed.evaluation.confusion == straight.evaluation.confusion
    assert not (tmp_path / "broken" / "state").exists()


@pytest.mark.slow
def test_run_killed_before_anything_was_saved_starts_anew(image_folder: Path, tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    def kill(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == 2:
            raise Killed

    recipe = small_recipe(epochs=1)
    with pytest.raises(Killed):
        train(image_folder, recipe, out=tmp_path / "run", on_event=kill)
    resumed = resume(tmp_path / "run")
    assert [step.step for step in resumed.folder.steps] == [1, 2, 3, 4]


def test_resuming_a_finished_run_gives_it_back(narrow_run: Run, image_folder: Path) -> None:
    heard: list[Event] = []
    again = resume(narrow_run.path, on_event=heard.append)
    assert again.evaluation == narrow_run.evaluation
    assert isinstance(heard[0], Note)
    assert "finished" in heard[0].text


def test_resuming_nothing_is_refused(image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such folder"):
        resume(tmp_path / "gone")


def test_second_training_in_the_same_folder_is_refused(narrow_run: Run, image_folder: Path) -> None:
    with pytest.raises(RunError, match="already holds a run"):
        train(image_folder, small_recipe(), out=narrow_run.path)


def test_loss_that_is_not_finite_is_named(image_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(optimizer="sgd", learning_rate=1e9, warmup=0.0)
    with pytest.raises(RunError, match="loss is not finite; the learning rate .* is probably too high"):
        train(image_folder, recipe, out=tmp_path / "run")


def test_loss_that_sits_at_guessing_is_named(image_folder: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    recipe = small_recipe(optimizer="sgd", learning_rate=1e-9, initialization="gaussian", epochs=1)
    train(image_folder, recipe, out=tmp_path / "run", on_event=heard.append)
    warned = [event.text for event in heard if isinstance(event, Warned)]
    assert warned[0].endswith("use preset paper-small or fast"), "said before the first step"
    assert "expect the loss to stay at that of guessing, ln 3 = 1.099" in warned[0]
    assert any(
        "is stuck at that of guessing, ln 3 = 1.099: " in text and "steps are needed" in text for text in warned[1:]
    )


def test_last_epoch_is_kept_without_validation(image_folder: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    run = train(image_folder, small_recipe(validation_fraction=0.0), out=tmp_path / "run", on_event=heard.append)
    assert run.folder.read_json("model.json")["epoch"] == 2
    assert all(event.is_kept for event in heard if isinstance(event, Ended))


def test_fine_tuning_takes_kernels_of_a_run_and_says_so(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    recipe = small_recipe(variant="auto", weights=str(narrow_run.path), kernel_learning_rate_factor=0.0, epochs=1)
    run = train(image_folder, recipe, out=tmp_path / "run", on_event=heard.append)
    assert torch.equal(weights(run)["features.4.weight"], weights(narrow_run)["features.4.weight"])
    assert any("loaded conv1, conv2" in event.text for event in heard if isinstance(event, Note))
    assert run.recipe.variant == "narrow"


def test_preset_that_needs_weights_says_so(image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="starts from weights: give --weights"):
        train(image_folder, PRESETS["finetune"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_small_images_are_said_before_anything_is_written(image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AlexNetError, match="63 px are too small"):
        train(image_folder, small_recipe(size=63), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unusable_files_are_left_out_and_listed(image_folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(image_folder, tmp_path / "p")
    (tmp_path / "p" / "train" / "down" / "Thumbs.db").write_bytes(b"x")
    heard: list[Event] = []
    run = train(tmp_path / "p", small_recipe(epochs=1), out=tmp_path / "run", on_event=heard.append)
    assert (run.path / "left_out.csv").read_text().splitlines() == ["file,reason", "train/down/Thumbs.db,no image"]
    notes = [event.text for event in heard if isinstance(event, Note) and "left out" in event.text]
    assert len(notes) == 1


def test_open_run_refuses_what_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        open_run(tmp_path)


def test_damaged_model_is_named(narrow_run: Run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(narrow_run.path, tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(RunError, match="model.safetensors: is damaged .its checksum"):
        _ = open_run(tmp_path / "run").model


def test_imagenet_is_fetched_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    path = tmp_path / "fetched.pth"
    from alexnet.training import pretrained

    torch.save({"features.0.weight": torch.ones(64, 3, 11, 11)}, path)
    fetched: list[str] = []
    monkeypatch.setattr(pretrained, "fetch_weights", lambda on_progress: fetched.append("once") or path)
    assert pretrained.load_pretrained(small_recipe(), ignore) is None
    assert fetched == []
    recipe = small_recipe(variant="auto", normalization="auto", weights="imagenet")
    loaded = pretrained.load_pretrained(recipe, ignore)
    assert fetched == ["once"]
    settled = settle_recipe(recipe, loaded)
    assert (settled.variant, settled.normalization, settled.weights) == ("torchvision", "imagenet", "imagenet")
    assert settle_recipe(settled, loaded) == settled


def test_refused_out_folder_is_left_alone_and_refused_at_once(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="exists and is not a run folder"):
        train(image_folder, small_recipe(weights="gone.pth"), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_interrupt_in_the_last_step_is_heard_and_loses_nothing(image_folder: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == event.num_steps:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(image_folder, small_recipe(epochs=1), out=tmp_path / "run", on_event=interrupt)
    steps: list[Event] = []
    run = resume(tmp_path / "run", on_event=steps.append)
    assert not any(isinstance(event, Stepped) for event in steps)
    assert run.evaluation.num_images == 21


def test_run_folder_has_a_name_of_its_own_where_none_is_given(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = train(image_folder, small_recipe(epochs=1))
    assert run.path == Path("runs") / f"{image_folder.name}-small-seed0"
    assert (run.path / "model.safetensors").stat().st_mode & 0o777 == (run.path / "run.json").stat().st_mode & 0o777


def test_weights_of_a_run_bring_their_normalization(narrow_run: Run, image_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(variant="auto", normalization="auto", weights=str(narrow_run.path), epochs=1)
    shifted = tmp_path / "bright"
    for path in image_folder.rglob("*.png"):
        from PIL import Image

        target = shifted / path.relative_to(image_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.point(lambda value: value // 2).save(target)
    run = train(shifted, recipe, out=tmp_path / "run")
    assert run.model.preprocessing.mean == narrow_run.model.preprocessing.mean


def test_damaged_records_are_named(narrow_run: Run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(narrow_run.path, tmp_path / "run")
    (tmp_path / "run" / "evaluation.json").write_text("{}")
    with pytest.raises(RunError, match=r"evaluation\.json: is damaged"):
        _ = open_run(tmp_path / "run").evaluation
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"run\.json: is damaged"):
        _ = open_run(tmp_path / "run").folder.about


def interrupted_after(step: int) -> Callable[[Event], None]:
    """A listener that sends Ctrl-C once a step is done."""

    def listen(event: Event) -> None:
        if isinstance(event, Stepped) and event.record.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


@pytest.mark.slow
def test_paper_recipe_interrupted_and_resumed_equals_uninterrupted(image_folder: Path, tmp_path: Path) -> None:
    """Plateau rule, remembered rates, mean image, crops, colors and switches all go on where they were."""
    recipe = PRESETS["paper-small"].replace(
        name="small", variant="narrow", size=67, epochs=4, batch_size=24, plateau_epochs=1, validation_fraction=0.25,
        lrn="divided", learning_rate=0.001,
    )  # fmt: skip
    straight = train(image_folder, recipe, out=tmp_path / "straight")
    assert len({step.learning_rate for step in straight.folder.steps}) > 1, "the rate has dropped"
    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "broken", on_event=interrupted_after(5))
    resumed = resume(tmp_path / "broken")
    assert all(torch.equal(value, weights(straight)[name]) for name, value in weights(resumed).items())
    assert "mean_image" in weights(resumed)
    assert resumed.model.network.spec.switches == {"lrn": "divided"}
    assert resumed.evaluation.confusion == straight.evaluation.confusion


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["imagenet", "mean_image"])
def test_fine_tuning_resumed_keeps_what_the_weights_learned_with(
    image_folder: Path, tmp_path: Path, normalization: str
) -> None:
    source = train(
        image_folder, small_recipe(epochs=1, normalization=normalization, lrn="off"), out=tmp_path / "source"
    )
    recipe = small_recipe(variant="auto", normalization="auto", weights=str(source.path), epochs=1, seed=3)
    straight = train(image_folder, recipe, out=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(image_folder, recipe, out=tmp_path / "broken", on_event=interrupted_after(2))
    resumed = resume(tmp_path / "broken")
    assert resumed.model.preprocessing == straight.model.preprocessing == source.model.preprocessing
    assert all(torch.equal(value, weights(straight)[name]) for name, value in weights(resumed).items())
    if normalization == "mean_image":
        assert torch.equal(weights(resumed)["mean_image"], weights(source)["mean_image"])


def test_runs_of_an_earlier_version_are_refused_by_name(narrow_run: Run, tmp_path: Path) -> None:
    import json
    import shutil

    shutil.copytree(narrow_run.path, tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps(about | {"schema": 1}))
    for look in (lambda run: run.model, lambda run: run.recipe):
        with pytest.raises(RunError, match="run: was written by an earlier version of this program; train again"):
            look(open_run(tmp_path / "run"))


def test_plateau_rule_without_validation_images_says_what_to_do(image_folder: Path, tmp_path: Path) -> None:
    recipe = PRESETS["paper-small"].replace(validation_fraction=0.0)
    with pytest.raises(
        RecipeError, match=r"= 0 of 72 training images of 3 classes leaves none: raise it \(0.25\), add a val"
    ):
        train(image_folder, recipe, out=tmp_path / "run")


def test_name_of_the_run_folder_is_one_that_every_system_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = free_run_path(tmp_path / ("x" * 255), small_recipe())
    first.mkdir(parents=True)
    second = free_run_path(tmp_path / ("x" * 255), small_recipe())
    assert second.name == f"{first.name}-2"
    assert len(second.name) < 200
    assert free_run_path(tmp_path / "images", small_recipe(name="a/b")).parent == Path("runs")


def test_warning_of_few_training_images_lists_a_few_of_many_classes(tmp_path: Path) -> None:
    from alexnet.data.check import FolderReport
    from alexnet.data.split import Split, Subset
    from alexnet.training.train import _warn_of_images

    rows = np.arange(1000)
    everything, nothing = Subset(rows, rows), Subset(rows[:0], rows[:0])
    heard: list[Event] = []
    report = FolderReport("images", (), 1000, 1000, {}, (1, 1, 1), (1, 1, 1), {}, {}, {}, {}, (), "")
    split = Split(tuple(f"c{row:03d}" for row in rows), everything, nothing, nothing, ())
    _warn_of_images(report, split, heard.append)
    (warned,) = heard
    assert isinstance(warned, Warned)
    assert warned.text == (
        "few training images: c000 (1), c001 (1), c002 (1), c003 (1), c004 (1), c005 (1), c006 (1), c007 (1) and 992 "
        "more; these classes will be recognized poorly"
    )
