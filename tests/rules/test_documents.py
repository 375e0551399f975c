"""What the documents say is so: links, headings, commands, public names, and pages made from the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet
from tests.rules.source import PACKAGE, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HOME = re.compile(r"/(wo" + r"rk|ro" + r"ot|ho" + r"me/[a-z]+|tm" + r"p/[a-z])")


def tracked_texts() -> list[Path]:
    """Every text file that belongs to the project."""
    command = ["git", "ls-files", "*.py", "*.md", "*.toml", "*.j2", "*.js", "*.css", "*Makefile", ".ci/run"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_folder_of_one_machine() -> None:
    texts = tracked_texts()
    assert len(texts) > 100
    assert [path.name for path in texts if HOME.search(path.read_text(encoding="utf-8"))] == []


def test_links_between_documents_lead_somewhere() -> None:
    targets = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert targets
    assert [f"{page.name}: {target}" for page, target in targets if not (page.parent / target).exists()] == []


def test_citations_of_the_log_name_a_heading_that_it_has() -> None:
    log = (ROOT / "EXPERIMENTS.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", log, re.MULTILINE)
    cited = [
        (path, title)
        for path in [*PACKAGE.rglob("*.py"), *PAGES]
        for title in re.findall(
            r'EXPERIMENTS\.md(?:\]\([^)]*\))?,? \(?"([^"]+)"', " ".join(path.read_text(encoding="utf-8").split())
        )
    ]
    assert cited
    missing = [(path, title) for path, title in cited if not any(title in heading for heading in headings)]
    assert [f"{path.name}: {title}" for path, title in missing] == []


@pytest.mark.slow
def test_pages_made_from_the_code_are_up_to_date() -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


README_COMMANDS = re.findall(r"^(?:\$ )?alexnet (.+)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", README_COMMANDS)
def test_readme_command_and_its_options_exist(line: str) -> None:
    from typer.main import get_command

    from alexnet.cli.commands import app

    words = line.split("#")[0].split()
    command = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    if words:  # a group that is called without a subcommand: `alexnet model NAME` is `alexnet model show NAME`
        command = getattr(command, "commands", {}).get(getattr(command, "fallback", None), command)
    assert not hasattr(command, "commands"), line
    known = {option for parameter in command.params for option in parameter.opts}
    assert [word for word in words if word.startswith("-") and word not in known] == []


def test_readme_shows_commands_and_public_names() -> None:
    assert len(README_COMMANDS) >= 5
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    names = set(re.findall(r"\balexnet\.([A-Za-z_]+)", blocks))
    assert names
    assert names <= set(alexnet.__all__)
