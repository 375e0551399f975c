"""The recipe: presets, wrong settings in words, TOML in and out."""

import codecs
import random
from pathlib import Path

import pytest

from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe, parse_settings, recipe_differences
from alexnet.recipe_file import load_recipe


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
    with pytest.raises(RecipeError, match="^recipe: epochs = -1: .*; self: no such setting[^\\n]*$"):
        Recipe(**{"epochs": -1, "self": 2})  # type: ignore[arg-type]
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


TEXTS = {
    "UTF-8 with a mark": "epochs = 3  # Größe".encode("utf-8-sig"),
    "UTF-16, little endian": codecs.BOM_UTF16_LE + "epochs = 3  # Größe".encode("utf-16-le"),
    "UTF-16, big endian": codecs.BOM_UTF16_BE + "epochs = 3\r\n".encode("utf-16-be"),
    "Windows line ends": b"epochs = 3\r\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_files_of_any_editor_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.toml").write_bytes(TEXTS[name])
    assert load_recipe(tmp_path / "r.toml").epochs == 3


UNREADABLE = {
    "Latin-1": (b"# a\nname = 'caf\xe9'\n", "line 2 is not valid UTF-8 text; save the file as UTF-8"),
    "cut UTF-16": (codecs.BOM_UTF16_LE + b"a", "line 1 is not valid UTF-16 text; save the file as UTF-8"),
    "brackets": (b"drops = " + b"[" * 3000, "is not valid TOML (brackets are nested too deeply); correct that value"),
    "huge number": (b"epochs = " + b"9" * 5000, "is not valid TOML (Exceeds the limit"),
    "huge hexadecimal": (b"epochs = 0x" + b"f" * 5000, "recipe: epochs = a huge number: "),
    "huge number in a list": (b"drops = [[0x" + b"f" * 5000 + b"]]", "recipe: drops.0 = a list with a huge number: "),
    "impossible date": (b"name = 2020-13-45", "is not valid TOML ("),
    "infinity": (b"learning_rate = inf", "recipe: learning_rate = inf: input should be a finite number"),
    "control characters": (b'"\\u001b[31m" = 1', "recipe: \\x1b[31m: no such setting"),
    "many faults": (b"".join(b"a%d = 1\n" % i for i in range(999)), "recipe: a0: no such setting, "),
    "long value": (b"epochs = '" + b"x" * 9999 + b"'", "recipe: epochs = 'xxxxxxxxxxxxxxxxxxx"),
    "too large": (b"#" * 1_000_001, "is larger than 1,000,000 bytes; give the path of a TOML file"),
    "table": (b"[epochs]\nvalue = 3", "recipe: epochs = {'value': 3}: input should be a valid integer"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_cannot_be_read_say_why_in_one_line(tmp_path: Path, name: str) -> None:
    content, message = UNREADABLE[name]
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_special_paths_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, Path("a\0b")):
        with pytest.raises(RecipeError, match="cannot be read"):
            load_recipe(path)


PIECES = (
    "[",
    "]",
    "{",
    "}",
    "=",
    '"',
    "'",
    "\n",
    "#",
    ".",
    ",",
    "9" * 400,
    "0x",
    "inf",
    "1979-05-27",
    "\u202e",
    "\0",
    "é",
)


@pytest.mark.parametrize("seed", range(200))
def test_damaged_recipes_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(rng.choice(list(PRESETS.values())).to_toml().encode(rng.choice(["utf-8", "utf-16"])))
    for _ in range(rng.choice([1, 2, 5, 20])):
        place = rng.randrange(len(content))
        piece = rng.choice(PIECES).encode() * rng.choice([1, 1, 1, 2000])
        content[place : place + rng.randrange(20)] = rng.choice([piece, rng.randbytes(3), b""])
    (tmp_path / "r.toml").write_bytes(content)
    try:
        load_recipe(tmp_path / "r.toml")
    except RecipeError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message and len(message) < 2000


@pytest.mark.parametrize("device", ["meta", "cuda:", "cpu:0", "warp", "cuda:1000", ""])
def test_devices_that_cannot_train_are_refused(device: str) -> None:
    with pytest.raises(RecipeError, match=f"device = '{device}': choose auto, cpu, cuda or"):
        parse_settings(Recipe(), [f"device={device!r}"])
    assert Recipe(device="cuda:3").device == "cuda:3"


@pytest.mark.parametrize("text", ["[" * 3000, "9" * 5000, "0x" + "f" * 5000])
def test_settings_of_any_length_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_settings(Recipe(), [f"epochs={text}"])
    assert len(str(caught.value)) < 300


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
        parts = get_args(annotation)
        if get_origin(annotation) is Literal:
            return {word for word in parts if isinstance(word, str)}
        return {word for part in parts for word in words(part)}

    every_word = {(field, word) for field, info in Recipe.model_fields.items() for word in words(info.annotation)}
    assert ("dropout_form", "2012") in every_word
    extra = {"ten_crop": ["crop_from=1.2"], "drops": ["drops=[0.5]"]}
    for field, word in sorted(every_word):
        recipe = parse_settings(Recipe(), [f"{field}={word}", *extra.get(word, [])])
        assert getattr(recipe, field) == word


@pytest.mark.parametrize(
    ("preset", "settings", "advice"),
    [
        (
            "fast",
            ["test_views=ten_crop"],
            "or evaluate the finished run with `alexnet evaluate RUN --views ten_crop`",
        ),
        ("paper", ["start_size=68"], "crop_from does not go together with start_size: set start_size=none"),
        ("paper", ["crop_scale=0.5"], "crop_from does not go together with crop_scale"),
        ("fast", ["schedule=drops"], "needs fractions of the training in drops"),
        ("program", ["drops=0.5"], r"drops = 0.5: give a list, for instance \[0.5, 0.75\]"),
        ("paper", ["plateau_drops=0"], "needs at least one drop"),
        (
            "fast",
            ["conv1_std=0.0074"],
            "conv1_std has no effect with initialization = patches: set initialization=fan",
        ),
        ("fast", ["normalization=mean_image"], "normalization = mean_image needs images of one size"),
    ],
)
def test_settings_that_contradict_say_what_to_do(preset: str, settings: list[str], advice: str) -> None:
    with pytest.raises(RecipeError, match=advice):
        parse_settings(PRESETS[preset], settings)


def test_presets_of_2012_follow_other_sizes_and_lengths() -> None:
    assert (PRESETS["paper"].cut_from, PRESETS["paper"].replace(size=96).cut_from) == (256, 110)
    assert PRESETS["program"].replace(epochs=20).drops == PRESETS["program"].drops
