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


def test_every_word_of_every_setting_can_be_given_as_text() -> None:
    """`dropout_form=2012` is a word, not a number."""
    from typing import Literal, get_args, get_origin

    def words(annotation: object) -> set[str]:
        found = get_args(annotation)
        if get_origin(annotation) is Literal:
            return {word for word in found if isinstance(word, str)}
        return {word for part in found for word in words(part)}

    given = {(field, word) for field, info in Recipe.model_fields.items() for word in words(info.annotation)}
    assert ("dropout_form", "2012") in given
    extra = {"ten_crop": ["crop_from=1.2"], "drops": ["drops=[0.5]"]}
    for field, word in sorted(given):
        recipe = parse_settings(Recipe(), [f"{field}={word}", *extra.get(word, [])])
        assert getattr(recipe, field) == word


@pytest.mark.parametrize(
    ("preset", "settings", "said"),
    [
        ("fast", ["test_views=ten_crop"], "or test the finished run so with `alexnet evaluate RUN --views ten_crop`"),
        ("paper", ["start_size=68"], "crop_from and start_size"),
        ("paper", ["crop_scale=0.5"], "crop_from cuts crops of one size"),
        ("fast", ["schedule=drops"], "needs the shares of the training in drops"),
        ("program", ["drops=0.5"], r"drops = 0.5: give a list, for instance \[0.5, 0.75\]"),
        ("paper", ["plateau_drops=0"], "needs at least one drop"),
        ("fast", ["normalization=mean_image"], "mean_image holds for one size"),
    ],
)
def test_settings_that_contradict_say_what_to_do(preset: str, settings: list[str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_settings(PRESETS[preset], settings)


def test_presets_of_2012_follow_other_sizes_and_lengths() -> None:
    assert (PRESETS["paper"].cut_from, PRESETS["paper"].replace(size=96).cut_from) == (256, 110)
    assert PRESETS["program"].replace(epochs=20).drops == PRESETS["program"].drops
