"""The command and the package start without loading what they do not need yet. Each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest


def modules_after(code: str) -> tuple[set[str], str]:
    """Names of the modules that a fresh process has loaded after running `code`, and what it printed before."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('loaded', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, _, loaded = done.stdout.rpartition("loaded")
    return set(loaded.split()), shown


@pytest.mark.parametrize("command", ["", "train", "predict", "recipe", "data check", "model", "model diff"])
def test_help_loads_no_torch_numpy_or_matplotlib(command: str) -> None:
    loaded, shown = modules_after(f"from alexnet.cli.main import run; run({[*command.split(), '--help']!r})")
    assert "Usage" in shown
    assert loaded & {"torch", "numpy", "matplotlib", "PIL"} == set()


@pytest.mark.slow
def test_training_loads_nothing_that_draws_before_it_begins(tmp_path: Path) -> None:
    """The files are no images, so that it ends when they have been decoded."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("no image")
    words = ["train", str(tmp_path), "--out", str(tmp_path / "run")]
    loaded, _ = modules_after(f"from alexnet.cli.main import run; run({words!r})")
    assert not (tmp_path / "run").exists()
    assert "alexnet.training.train" in loaded
    assert loaded & {"matplotlib", "jinja2"} == set()


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded, _ = modules_after("import alexnet; dir(alexnet)")
    assert "alexnet" in loaded
    assert loaded & {"torch", "numpy", "matplotlib", "PIL", "pydantic", "typer"} == set()
