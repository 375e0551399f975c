"""`alexnet model ...` and `alexnet recipe` as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet.presets import PRESETS
from alexnet.recipe_file import load_recipe

Command = Callable[..., tuple[int, str, str]]


def test_show_may_be_left_out(run_command: Command) -> None:
    short = run_command("model", "torchvision", "--size", "224", "--classes", "1000")
    assert short == run_command("model", "show", "torchvision", "--size", "224", "--classes", "1000")
    assert short == run_command("model", "--size", "224", "--classes", "1000", "torchvision")
    assert "61,100,840" in short[1]
    assert "changed" not in short[1]


def test_help_lists_the_forms(run_command: Command) -> None:
    code, out, _ = run_command("model", "--help")
    assert code == 0
    assert "alexnet model NAME" in out
    assert "diff" in out
    assert "--dropout-place" in run_command("model", "paper", "--help")[1]


def test_switches_are_options(run_command: Command) -> None:
    words = ["--size", "224", "--classes", "1000", "--no-towers", "--lrn", "off", "--activation", "tanh"]
    code, out, _ = run_command("model", "paper", *words, "--json")
    values = json.loads(out)
    assert (code, values["parameters"]) == (0, 62_378_344)
    assert values["switches"] == {"activation": "tanh", "lrn": "off", "towers": False}
    assert not [layer for layer in values["layers"] if layer["kind"] == "Norm"]
    _, out, _ = run_command(
        "model", "seminar", "--pooling", "2/2", "--dropout-form", "2012", "--dropout-place", "after", "--towers"
    )
    assert "changed: pooling = 2/2, dropout_form = 2012, dropout_place = after, towers = True" in out


def test_diff_shows_values_with_numbered_sources(run_command: Command) -> None:
    code, out, _ = run_command("model", "diff", "paper", "program")
    lines = [line.rstrip() for line in out.splitlines()]
    assert code == 0
    order = next(line for line in lines if "order" in line)
    assert order.split()[:2] == ["relu1", "order"]
    assert "relu1 → norm1 → pool1 [1]" in order
    assert "norm1 → pool1 → relu1 [2]" in order
    start = next(line for line in lines if line.startswith("conv3"))
    assert start.split()[:3] == ["conv3", "weight_std", "0.01"]
    number = start.split()[-1]
    assert next(line for line in lines if line.startswith(number)).endswith("layers-145.cfg [conv3a]")
    assert any(line.startswith("parameters") and line.count("60,965,224") == 2 for line in lines)


def test_diff_of_one_network_says_so(run_command: Command) -> None:
    code, out, _ = run_command("model", "diff", "caffe", "caffe")
    assert code == 0
    assert "caffe and caffe: no difference" in out


def test_diff_gives_one_json_object(run_command: Command) -> None:
    code, out, _ = run_command("model", "diff", "paper", "paper,towers=false", "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["first"]["name"], values["second"]["name"]) == ("paper", "paper,towers=false")
    assert {row["layer"] for row in values["rows"]} == {"conv2", "conv4", "conv5", "network"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model"], "Missing argument 'NAME'"),
        (["model", "diff", "paper"], "Missing argument"),
        (["model", "resnet"], "variant resnet: no such network"),
        (["model", "paper", "--lrn", "on"], "lrn on: choose one of off, divided, undivided"),
        (["model", "paper", "--pooling", "3"], "pooling 3: choose one of 3/2, 2/2"),
        (["model", "diff", "paper", "resnet"], "variant resnet: no such network"),
        (["model", "diff", "paper,tower=true", "paper"], "tower is not a switch; choose one of activation"),
    ],
)
def test_bad_words_are_one_line_and_exit_code_2(run_command: Command, words: list[str], message: str) -> None:
    code, out, err = run_command(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("preset", PRESETS)
def test_printed_recipe_loads_back_as_the_preset(run_command: Command, tmp_path: Path, preset: str) -> None:
    code, out, _ = run_command("recipe", preset)
    (tmp_path / "mine.toml").write_text(out, encoding="utf-8")
    assert code == 0
    assert load_recipe(tmp_path / "mine.toml") == PRESETS[preset]
