"""CSS and JavaScript: the only place that holds any. Pages inline it, so that each is one file that needs no network.

Conventions:

- `style.css` has the colors, as custom properties, for light and dark; everything else takes them from there. The
  classes of a data set are `--class-0` to `--class-7` (Okabe & Ito); from the ninth class on, colors repeat and the
  marker's shape tells them apart. `--mistake` marks what was classified wrongly, in
  every page, never without a sign or a word beside it.
- A component is an ES module named after its element (`image-map.js` defines `<image-map>`), without a framework, a
  build step or an import of another component. What it imports by name, from a folder beside it (`convolution/`,
  `studio/`), is put in front of it where a page inlines it. It draws into a shadow root, takes its data from the JSON
  in the `<script type="application/json">` inside it or from its `data` property, and speaks to the page by events
  that bubble. Python computes all numbers; a component only draws and selects them.
- `studio/` is the page of the studio. Its server sends every style sheet and module here and forbids inline styles
  and scripts: a component styles its shadow root by a constructed sheet (`adoptedStyleSheets`).
- Every action has a key, every control a name; colors are never the only sign; motion is left out.
"""

import posixpath
import re
from importlib import resources

from markupsafe import Markup

__all__ = ["component", "page_data", "style"]

IMPORT = re.compile(r'^import \{[\w, ]+\} from "(\.[^"]+)";\n', re.MULTILINE)


def style(name: str = "style") -> Markup:
    """A style sheet, to be put into a `<style>` element; `style` has the colors and type of every page.

    >>> "--ink" in style()
    True
    """
    return Markup(_read(f"{name}.css"))


def component(name: str) -> Markup:
    """The source of a component with what it imports, to be put into a `<script type="module">` element.

    >>> "customElements.define" in component("image-map")
    True
    """
    return Markup("".join(_modules(f"{name}.js").values()))


def page_data(text: str) -> Markup:
    r"""JSON as the content of a `<script>` element: no text in it can end the element.

    >>> str(page_data('{"file": "</script>"}'))
    '{"file": "\\u003c/script>"}'
    """
    return Markup(text.replace("<", "\\u003c"))


def _modules(path: str) -> dict[str, str]:
    """A module after those that it imports, by path, as pieces of one: an inline script cannot import."""
    text = _read(path)
    pieces: dict[str, str] = {}
    for name in IMPORT.findall(text):
        pieces |= _modules(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
    alone = re.sub(r"^export (?=(async )?function |const |class )", "", IMPORT.sub("", text), flags=re.MULTILINE)
    return pieces | {path: alone}


def _read(name: str) -> str:
    return resources.files("alexnet.web").joinpath(name).read_text(encoding="utf-8")
