"""The recipe: presets, faults in words, TOML in and out."""

from pathlib import Path

import pytest

from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, load_recipe, parse_settings, recipe_differences


def test_seminar_preset_holds_the_notebooks_numbers() -> None:
    recipe = PRESETS["seminar"]
    assert (recipe.optimizer, recipe.learning_rate, recipe.batch_size, recipe.epochs) == ("adam", 1e-4, 128, 20)
    assert (recipe.schedule, recipe.step_epochs, recipe.step_factor) == ("step", 30, 0.1)
    assert (recipe.variant, recipe.size, recipe.initialization) == ("seminar", 96, "seminar")
    assert (recipe.flip, recipe.crop_scale, recipe.color, recipe.normalization) == (True, 1.0, 0.0, "imagenet")
    assert recipe.validation_fraction > 0, "the notebook had no validation split: a fault, not a number"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_toml(name: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(PRESETS[name].to_toml())
    assert load_recipe(path) == PRESETS[name]


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe().replace(epochs=0, flip="perhaps", dropout=1.0)
    message = str(caught.value)
    assert "\n" not in message
    assert all(field in message for field in ("epochs = 0", "flip = 'perhaps'", "dropout = 1.0"))


def test_unknown_field_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="epoch: no such setting, did you mean epochs"):
        parse_settings(Recipe(), ["epoch=3"])


def test_setting_without_equals_sign_shows_the_form() -> None:
    with pytest.raises(RecipeError, match="field=value"):
        parse_settings(Recipe(), ["epochs"])
    with pytest.raises(RecipeError, match="field=value"):
        parse_settings(Recipe(), ["=3"])


def test_settings_are_read_as_toml_or_text() -> None:
    recipe = parse_settings(Recipe(), ["flip=false", "learning_rate=1e-3", "optimizer=sgd", "start_size=none"])
    assert (recipe.flip, recipe.learning_rate, recipe.optimizer, recipe.start_size) == (False, 1e-3, "sgd", None)


@pytest.mark.parametrize(("text", "words"), [("epochs = ", "not valid TOML"), ("depth = 3", "no such setting")])
def test_bad_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        load_recipe(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"gone\.toml: cannot be read"):
        load_recipe(tmp_path / "gone.toml")


def test_file_is_laid_over_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\n")
    assert load_recipe(path, base=PRESETS["seminar"]) == PRESETS["seminar"].replace(epochs=3)


def test_differences_name_field_and_values() -> None:
    assert recipe_differences([Recipe(), Recipe(epochs=1)]) == {"epochs": (10, 1)}
    assert recipe_differences([Recipe(), Recipe()]) == {}
