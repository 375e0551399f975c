"""The house stays as it was built: floors, sizes, names, start-up, and no word of where it was made."""

import ast
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_floors_hold() -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def test_help_loads_no_torch_numpy_or_matplotlib() -> None:
    code = (
        "import sys\nfrom alexnet.cli.main import run\n"
        "try:\n    run(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)\nassert not heavy, heavy"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "train" in answer.stdout


@pytest.mark.parametrize("command", ["train", "predict", "recipe", "data check", "model", "model diff"])
def test_help_of_a_command_loads_no_torch_either(command: str) -> None:
    code = (
        f"import sys\nfrom alexnet.cli.main import run\n"
        f"try:\n    run({command.split()!r} + ['--help'])\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_training_does_not_load_what_draws_before_it_begins() -> None:
    code = (
        "import sys\nfrom alexnet.cli.main import run\n"
        "try:\n    run(['train', 'no-such-folder'])\nexcept SystemExit:\n    pass\n"
        "assert 'alexnet.training.train' in sys.modules\n"
        "drawing = {'matplotlib', 'jinja2'} & set(sys.modules)\nassert not drawing, drawing"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, alexnet; dir(alexnet); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there_and_described() -> None:
    assert sorted(alexnet.HOMES) == sorted(alexnet.__all__)
    for name in alexnet.__all__:
        value = getattr(alexnet, name)
        assert name == "PRESETS" or value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alexnet.nothing


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_files_and_functions_stay_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {path.name: n for path, n in lengths.items() if n > 400} == {}
    assert statistics.median(lengths.values()) <= 200
    sizes = {}
    for path in SOURCES:
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            sizes[f"{path.name}:{function.name}"] = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
    too_long = {name: n for name, n in sizes.items() if n > (100 if name == "loop.py:fit" else 60)}
    assert too_long == {}
    assert statistics.median(sizes.values()) <= 10


def test_public_functions_and_classes_are_described() -> None:
    bare = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            bare.append(path.name)
        classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
        members = [node for holder in [tree, *classes] for node in holder.body]
        for node in members:
            is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if is_definition and not node.name.startswith("_") and not ast.get_docstring(node):
                bare.append(f"{path.name}:{node.name}")
    assert bare == []


def test_nothing_unfinished_is_left() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    assert [path.name for path in SOURCES if marks.search(path.read_text(encoding="utf-8"))] == []


def test_no_file_speaks_of_a_machine() -> None:
    leaks = re.compile(r"/(wo" + r"rk|ro" + r"ot|ho" + r"me/[a-z]+)/")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = [ROOT / name for name in listed if name.endswith((".py", ".md", ".toml", ".j2", "Makefile", "run"))]
    assert [p.name for p in texts if p.is_file() and leaks.search(p.read_text(encoding="utf-8"))] == []


def test_links_and_mentions_between_documents_lead_somewhere() -> None:
    """Relative links name files, and whoever cites EXPERIMENTS.md cites a heading that it has."""
    missing = []
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
    log = (ROOT / "EXPERIMENTS.md").read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in log.splitlines() if line.startswith("## ")]
    for path in [*SOURCES, *pages]:
        text = " ".join(path.read_text(encoding="utf-8").split())
        for title in re.findall(r'EXPERIMENTS\.md(?:\]\([^)]*\))?,? \(?"([^"]+)"', text):
            if not any(title in heading for heading in headings):
                missing.append(f"{path.name}: {title}")
    assert missing == []


DOCTESTED = [
    "geometry",
    "recipe",
    "records",
    "layers.lrn",
    "model.summary",
    "model.differences",
    "evaluation.metrics",
    "evaluation.views",
    "evaluation.paired",
    "runs.compare",
]


@pytest.mark.parametrize("module", DOCTESTED)
def test_examples_in_docstrings_run(module: str) -> None:
    import doctest
    from importlib import import_module

    found = import_module(f"alexnet.{module}")
    source = Path(found.__file__ or "").read_text(encoding="utf-8")
    names = {name: value for name, value in vars(found).items() if not name.startswith("__")}
    examples = doctest.DocTestParser().get_examples(source)
    assert examples
    result = doctest.testmod(found, extraglobs=names)
    assert result.failed == 0


def test_pages_made_from_the_code_are_up_to_date() -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def test_readme_commands_are_those_of_the_program() -> None:
    """Every `alexnet ...` line in the README parses: its command and its options exist."""
    from typer.main import get_command

    from alexnet.cli.main import app

    root = get_command(app)
    lines = re.findall(r"^(?:\$ )?alexnet (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 8
    for line in lines:
        words = line.split("#")[0].split()
        command = root
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        if words:  # `alexnet model NAME` is `alexnet model show NAME`
            command = getattr(command, "commands", {}).get(getattr(command, "fallback", None), command)
        assert not hasattr(command, "commands"), line
        known = {option for parameter in command.params for option in parameter.opts}
        assert [word for word in words if word.startswith("-") and word not in known] == [], line


def test_readme_library_lines_name_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names = set(
        re.findall(r"\balexnet\.([A-Za-z_]+)", "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)))
    )
    assert names
    assert names <= set(alexnet.__all__)
