"""What axe-core finds on a page."""

from typing import Any


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Each rule that the page breaks, with the elements that break it.

    A page that moves is opened with `reduced_motion="reduce"`: a color on its way to another has no fair contrast.
    """
    from axe_playwright_python.sync_playwright import Axe

    rules = Axe().run(page).response["violations"]
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in rules]
