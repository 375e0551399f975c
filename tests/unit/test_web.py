"""The components as pages inline them: one module each, which needs no other."""

import re
import shutil
from pathlib import Path

import pytest

from alexnet.web import component
from tests.page_modules import WEB, syntax_faults

NAMES = sorted(path.stem for path in WEB.glob("*.js"))


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_one_module(name: str, tmp_path: Path) -> None:
    text = component(name)
    assert re.findall(r"^(?:import|export) .*", text, re.MULTILINE) == []
    assert text.count("customElements.define(") == 1
    node = shutil.which("node")
    if node is not None:
        path = WEB / f"{name}.js"
        inlined = tmp_path / path.name
        inlined.write_text(text, encoding="utf-8")
        assert syntax_faults([inlined], node) == []


def test_what_two_modules_import_is_there_once() -> None:
    assert component("convolution-lab").count("function canvasOf(") == 1
