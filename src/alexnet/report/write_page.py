"""From a template and values to one HTML file, in which every value stays text."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from alexnet.errors import RunError
from alexnet.files import disk_errors, shown_name, write_whole

__all__ = ["write_page"]


def write_page(path: Path, template: str, values: dict[str, Any]) -> Path:
    """Write a page of this folder's templates; every text that is put in is shown as text, whatever it holds.

    Raises:
        RunError: the path cannot be written.
    """
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("alexnet.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else shown_name(str(value)),
    )
    pages.filters["shown"] = shown_name  # for names in what is markup already, such as a joined list
    text = pages.get_template(template).render(values)
    with disk_errors(path, RunError, "check its permissions or choose another path"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return path
