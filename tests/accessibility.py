"""What axe-core finds on a page, and whether the page fits a tablet."""

from typing import Any


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Each rule that the page breaks, with the elements that break it.

    A page that moves is opened with `reduced_motion="reduce"`: a color on its way to another has no fair contrast.
    """
    from axe_playwright_python.sync_playwright import Axe

    rules = Axe().run(page).response["violations"]
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in rules]


def require_no_overflow_between(page: Any) -> None:
    """Check that a page does not scroll sideways on a tablet, where some layouts change."""
    for width in (768, 1000):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(50)  # what follows the width is drawn anew
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"it scrolls sideways at {width} px"
