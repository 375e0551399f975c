"""Settings by the number of images: from a handful to ImageNet, and only where they are left open."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alexnet.data.split import Split, Subset, hold_out
from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import AUTO, Recipe, build_recipe, parse_settings
from alexnet.training import sizing
from alexnet.training.plan import plan_training
from alexnet.training.sizing import size_for_images, size_recipe
from alexnet.training.train import train
from tests.conftest import small_recipe

Command = Callable[..., tuple[int, str, str]]

OPEN = Recipe(epochs=AUTO, batch_size=AUTO, validation_fraction=AUTO, crop_scale=AUTO)


@pytest.mark.parametrize(
    ("num_images", "epochs", "batch_size", "validation_fraction", "crop_scale"),
    [
        (1, 100, 16, 0.0, 0.85),
        (32, 100, 16, 0.0, 0.85),
        (80, 72, 16, 0.0, 0.85),  # natural8, 10 images a class
        (320, 36, 16, 0.0, 0.85),  # 40 a class
        (1280, 18, 32, 0.0, 0.6),  # 160 a class
        (6547, 8, 128, 0.05, 0.6),  # natural8
        (1_281_167, 8, 128, 0.05, 0.6),  # ImageNet
    ],
)
def test_settings_follow_from_the_number_of_images(
    num_images: int, epochs: int, batch_size: int, validation_fraction: float, crop_scale: float
) -> None:
    sized = size_recipe(OPEN, num_images)
    assert (sized.epochs, sized.batch_size) == (epochs, batch_size)
    assert (sized.validation_fraction, sized.crop_scale) == (validation_fraction, crop_scale)


def test_small_folders_get_as_many_steps_as_the_documentation_says() -> None:
    steps = {}
    for num_images in range(32, 12_801):
        sized = size_recipe(OPEN, num_images)
        steps[sized.epochs * (num_images // sized.batch_size)] = num_images
    least, most = min(steps), max(steps)
    text = " ".join((size_recipe.__doc__ or "").split())
    assert f"between {least} steps ({steps[least]} images) and {most:,} ({steps[most]:,} images)" in text


@pytest.mark.parametrize(("per_class", "fraction"), [(8, 0.0), (10, 0.0), (11, 0.05), (40, 0.05)])
def test_validation_fraction_is_chosen_only_where_the_split_then_sets_enough_images_apart(
    per_class: int, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.repeat(np.arange(1000), per_class)
    rows = np.arange(len(labels))
    split = Split(
        tuple(map(str, range(1000))), Subset(rows, labels), Subset(rows[:0], labels[:0]), Subset(rows, labels), ()
    )
    monkeypatch.setattr(sizing, "split_images", lambda *_, **__: split)
    sized, num_images = size_for_images(OPEN, None)  # type: ignore[arg-type]
    assert (sized.validation_fraction, num_images) == (fraction, 1000 * per_class)
    names, digests = [str(label) for label in labels], [str(row) for row in rows]
    _, held = hold_out(range(len(rows)), names, digests, 0.05, seed=1)
    assert (len(held) >= 100) == (fraction > 0.0)


def test_trained_weights_need_fewer_epochs_and_smaller_batches() -> None:
    sized = size_recipe(OPEN.replace(weights="imagenet"), 6547)
    assert (sized.epochs, sized.batch_size) == (3, 64)
    assert size_recipe(OPEN.replace(weights="imagenet"), 80).epochs == 27


@pytest.mark.parametrize("field", ["epochs", "batch_size", "validation_fraction", "crop_scale"])
def test_what_is_set_stays(field: str) -> None:
    own = {"epochs": 5, "batch_size": 40, "validation_fraction": 0.3, "crop_scale": 0.5}[field]
    sized = size_recipe(OPEN.replace(**{field: own}), 80)
    assert getattr(sized, field) == own
    others = {"epochs": 72, "batch_size": 16, "validation_fraction": 0.0, "crop_scale": 0.85}
    assert all(getattr(sized, name) == value for name, value in others.items() if name != field)


def test_crops_left_to_the_number_of_images_exclude_crops_of_one_size() -> None:
    with pytest.raises(RecipeError, match="crop_from does not go together with crop_scale"):
        OPEN.replace(crop_from=1.143)
    assert size_recipe(OPEN.replace(crop_from=1.143, crop_scale=1.0), 80).crop_scale == 1.0


def test_no_image_is_refused() -> None:
    with pytest.raises(RecipeError, match="there are none: add images"):
        size_recipe(OPEN, 0)


def test_auto_is_written_read_and_checked_as_a_number_would_be() -> None:
    recipe = parse_settings(Recipe(), ["epochs=auto", "batch_size=12"])
    assert (recipe.epochs, recipe.batch_size) == (AUTO, 12)
    assert 'epochs = "auto"' in recipe.to_toml()
    with pytest.raises(RecipeError, match=r"^recipe: epochs = 'many': input should be a valid integer"):
        build_recipe({"epochs": "many"})


def test_a_run_keeps_the_numbers_that_were_chosen(image_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(epochs=1, batch_size=AUTO, validation_fraction=AUTO)
    run = train(image_folder, recipe, out=tmp_path / "run")
    assert run.recipe.batch_size == 16
    assert run.recipe.validation_fraction == 0.0
    assert run.folder.read_json("run.json")["data"]["images"] == {"train": 72, "validation": 0, "test": 21}


@pytest.mark.slow
def test_plan_shows_the_numbers_that_training_would_choose(image_folder: Path) -> None:
    plan = plan_training(image_folder, PRESETS["fast"].replace(size=67, start_size=None))
    assert (plan.epochs, plan.batch_size, plan.num_steps) == (75, 16, 300)
    assert (plan.counts.train, plan.counts.validation) == (72, 0)
