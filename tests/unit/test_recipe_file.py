"""A recipe as a file: a whole one gives itself back, a few settings change the preset."""

from pathlib import Path

import pytest

from alexnet.cli.options import choose_recipe
from alexnet.errors import RecipeError
from alexnet.presets import PRESETS
from alexnet.recipe import Recipe
from alexnet.recipe_file import load_recipe

HAVE_NONE = (
    "activation", "conv1_std", "dropout_form", "dropout_place", "head_std", "hidden_bias", "kernel_std", "lrn",
    "pooling", "start_size", "towers", "weights",
)  # fmt: skip


@pytest.mark.parametrize("explained", [True, False])
@pytest.mark.parametrize("name", PRESETS)
def test_recipe_that_was_printed_or_kept_by_a_run_gives_itself_back(
    name: str, explained: bool, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(PRESETS[name].to_toml(explained=explained))
    assert choose_recipe("fast", path, None) == PRESETS[name], "the default preset has a start_size"
    assert choose_recipe("program", path, ["epochs=3"]) == PRESETS[name].replace(epochs=3)


def test_whole_recipe_of_a_version_with_fewer_settings_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    lines = PRESETS["paper"].to_toml().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(("keep_networks", "pca_", "crop_until"))))
    assert choose_recipe("fast", path, None).start_size is None


def test_few_settings_change_the_preset_even_with_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("name = 'mine'\nepochs = 3\n")
    assert choose_recipe("fast", path, None) == PRESETS["fast"].replace(name="mine", epochs=3)


@pytest.mark.parametrize("field", HAVE_NONE)
def test_none_in_a_file_unsets_a_setting(field: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'{field} = "none"\n')
    values = {"start_size": 68, "weights": "imagenet", "towers": True, "activation": "tanh", "hidden_bias": 0.1}
    assert getattr(load_recipe(path, base=Recipe(**values)), field) is None


def test_none_is_refused_where_a_setting_must_have_a_value(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('epochs = "none"\nname = "none"\n')
    with pytest.raises(RecipeError, match="epochs = 'none'"):
        load_recipe(path)
    assert {name for name, info in Recipe.model_fields.items() if info.default is None} == set(HAVE_NONE)
