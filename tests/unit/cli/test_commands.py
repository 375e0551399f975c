"""Help: every command in its panel, each line whole, and nothing loaded for it that is not needed."""

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.main import get_command

from alexnet.cli.commands import FALLBACKS, GROUPS, PANELS, app

Command = Callable[..., tuple[int, str, str]]

PATHS = [
    *(path for paths in PANELS.values() for path in paths),
    *(f"{group} {FALLBACKS[group]}" for group in FALLBACKS),
]


def test_every_command_is_in_a_panel() -> None:
    root = get_command(app)
    leaves = {
        f"{name} {child}" if hasattr(command, "commands") else name
        for name, command in root.commands.items()  # type: ignore[attr-defined]
        for child in getattr(command, "commands", [""])
    }
    assert leaves == set(PATHS) - set(FALLBACKS)
    assert {path.split()[0] for path in PATHS if " " in path} == set(GROUPS)


def test_help_lists_each_command_with_its_whole_first_line_in_80_columns(
    run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run_command("--help")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert "..." not in out.replace("COMMAND [ARGS]...", "")
    for path in (path for paths in PANELS.values() for path in paths):
        line = next(line.strip() for line in lines if line.startswith(f"  {path} "))
        assert line.endswith("."), f"{path}: its first line is wrapped"
    assert [title for title in PANELS if f"{title}:" in lines] == list(PANELS)


@pytest.mark.parametrize("path", PATHS)
def test_help_of_every_command_is_plain(run_command: Command, path: str) -> None:
    code, out, err = run_command(*path.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: alexnet {path}")
    assert "[default: None]" not in out


@pytest.mark.parametrize("path", PATHS)
def test_command_is_short_and_its_file_is_named_after_it(path: str) -> None:
    full = f"{path} {FALLBACKS[path]}" if path in FALLBACKS else path
    module = importlib.import_module(f"alexnet.cli.{full.replace(' ', '.')}")
    source = inspect.getsource(getattr(module, full.split()[-1]))
    body = source[source.index(") -> None:") :].split('"""', 2)[2]
    assert len(body.strip().splitlines()) <= 30


def test_help_names_every_preset_variant_and_activation(run_command: Command) -> None:
    from alexnet.model.specs import ACTIVATIONS
    from alexnet.model.variants import VARIANTS
    from alexnet.presets import PRESETS

    for words in (["train"], ["recipe"]):
        text = " ".join(run_command(*words, "--help")[1].split())
        assert all(name in text for name in PRESETS)
    text = " ".join(run_command("model", "show", "--help")[1].split()).replace("- ", "-")
    assert [name for name in (*VARIANTS, *ACTIVATIONS) if name not in text] == []


def test_help_loads_neither_settings_nor_what_draws_in_a_terminal() -> None:
    code = (
        "import sys\nfrom alexnet.cli.main import run\n"
        "try:\n    run(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'rich', 'torch', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert 'alexnet.recipe' not in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
