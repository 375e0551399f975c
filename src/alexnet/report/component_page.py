"""A page that holds one web component and its data."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from alexnet.report.write_page import write_page
from alexnet.web import component, page_data, style

__all__ = ["write_component_page"]


def write_component_page(
    path: Path | str,
    element: str,
    data: dict[str, Any],
    *,
    title: str,
    summary: str = "",
    command: str = "",
    parts: Sequence[str] = (),
) -> Path:
    """Write one component as a page of its own; returns its path.

    Args:
        element: name of the component.
        data: what it draws, see its file in `web/`.
        summary: a sentence or two above it.
        command: that makes the page.
        parts: names of the components that it is made of.

    Raises:
        RunError: the page cannot be written.
    """
    values = {
        "title": title,
        "summary": summary,
        "command": command,
        "style": style(),
        "element": Markup(element),
        "components": [component(name) for name in (*parts, element)],
        "data": page_data(json.dumps(data)),
    }
    return write_page(Path(path), "component.html.j2", values)
