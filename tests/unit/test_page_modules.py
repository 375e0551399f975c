"""The check of the pages' modules sees a module that cannot be read."""

import shutil
from pathlib import Path

import pytest

from tests import page_modules


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_module_with_a_fault_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_modules, "ROOT", tmp_path)
    well, broken = tmp_path / "well.js", tmp_path / "broken.js"
    well.write_text("export const one = await Promise.resolve(1);\n", encoding="utf-8")
    broken.write_text("export const one = ;\n", encoding="utf-8")
    (fault,) = page_modules.syntax_faults([well, broken], str(shutil.which("node")))
    assert fault.startswith("broken.js: ") and "SyntaxError" in fault


def test_without_node_nothing_is_checked_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert page_modules.main() == 0
    assert "node is not installed" in capsys.readouterr().out
