"""The check of a recipe on a folder of images: what it is told of the folder, and what it refuses."""

import math
from pathlib import Path

import pytest
import safetensors.torch

from alexnet.errors import WeightsError
from alexnet.runs.run import Run
from alexnet.training.recipe_check import check_recipe
from alexnet.training.train import train
from tests.conftest import small_recipe, write_images


def test_few_images_make_few_steps_and_the_check_counts_them(image_folder: Path) -> None:
    result = check_recipe(image_folder, small_recipe(validation_fraction=0.0))
    assert (result.verdict, result.num_steps) == ("stalls", 8)
    assert str(result) == (
        "the training has only 8 steps (2 epochs, 4 in each): expect it to end before the network has learned much; "
        "set epochs=auto and batch_size=auto (about 300 steps)"
    )


def test_enough_steps_train(image_folder: Path) -> None:
    assert check_recipe(image_folder, small_recipe(epochs=75, validation_fraction=0.0)).verdict == "trains"


def test_chance_is_the_loss_of_guessing_by_class_frequency(image_folder: Path, tmp_path: Path) -> None:
    recipe = small_recipe(optimizer="sgd", learning_rate=1e-9, epochs=75, validation_fraction=0.0)
    balanced = check_recipe(image_folder, recipe)
    assert balanced.chance == pytest.approx(math.log(3))
    assert "at that of guessing, ln 3 = 1.099;" in str(balanced)
    write_images(tmp_path / "train", 10)
    write_images(tmp_path / "test", 3, first=900)
    for image in sorted((tmp_path / "train" / "rings").iterdir())[:5]:
        image.unlink()
    uneven = check_recipe(tmp_path, recipe)
    kept, spread = 1 - recipe.label_smoothing, recipe.label_smoothing / 3
    probs = [kept * fraction + spread for fraction in (0.4, 0.4, 0.2)]
    expected = -sum(p * math.log(p) for p in probs)
    assert uneven.chance == pytest.approx(expected)
    assert f"at that of guessing, {expected:.3f} (ln 3 = 1.099 if" in str(uneven)


@pytest.mark.parametrize("begin", [check_recipe, train])
def test_weights_that_are_nan_are_named_and_refused_before_a_run_is_made(
    begin: object, trained_run: Run, image_folder: Path, tmp_path: Path
) -> None:
    tensors = safetensors.torch.load_file(trained_run.folder.model_path)
    tensors["features.8.weight"][0] = float("nan")
    path = tmp_path / "damaged.safetensors"
    safetensors.torch.save_file(tensors, path)
    recipe = small_recipe(variant="seminar", weights=str(path))
    more = {"out": tmp_path / "run"} if begin is train else {}
    with pytest.raises(WeightsError) as stop:
        begin(image_folder, recipe, **more)  # type: ignore[operator]
    message = str(stop.value)
    assert message.startswith(f"{path}: features.8.weight has 2,304 values that are not finite")
    assert "learning rate" not in message
    assert not (tmp_path / "run").exists()
