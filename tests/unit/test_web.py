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


def test_every_term_has_one_sentence_and_a_place_where_it_is_explained() -> None:
    """What a page asks for is there, and nothing is left over."""
    sources = {path: path.read_text("utf-8") for path in WEB.rglob("*.js") if "gallery" not in path.parts}
    table = sources.pop(WEB / "words" / "terms.js").partition("export const TERMS = {")[2].partition("\n};")[0]
    terms = {name.strip('"'): words for name, words in re.findall(r'^  ("[^"]+"|\w+): "(.+)",$', table, re.MULTILINE)}
    assert len(terms) == table.count("\n")
    for name, sentence in terms.items():
        assert sentence.endswith(".") and ". " not in sentence and len(sentence) < 200, f"{name}: not one sentence"
    asked = {name for text in sources.values() for name in re.findall(r'\bterm\("([^"]+)"\)', text)}
    assert asked <= terms.keys()
    assert {"structure", "margin", "top-5 error", "epoch", "LRN", "logit", "doubt", "stride"} <= terms.keys()
    words = " ".join(sources.values())
    assert [name for name in terms if f'"{name}"' not in words] == [], "nothing shows these"


@pytest.mark.parametrize(
    "owned", ["const points = (", 'startsWith("sent:")', "function duration(", "const percent = ("]
)
def test_what_several_views_write_has_one_owner(owned: str) -> None:
    sources = [path.read_text("utf-8") for path in (WEB / "studio").rglob("*.js")]
    assert sum(text.count(owned) for text in sources) == 1


def test_what_two_modules_import_is_there_once() -> None:
    assert component("convolution-lab").count("function canvasOf(") == 1
