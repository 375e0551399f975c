"""A page of the browser tests on which nothing fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def faultless_page(browser: Any, *, height: int = 900, allowed: tuple[str, ...] = ()) -> Iterator[Any]:
    """A page without motion, closed at the end; then no error or warning has come up on it.

    allowed: parts of messages that may, because the page itself says what they say.
    """
    page = browser.new_page(viewport={"width": 1280, "height": height}, reduced_motion="reduce")
    page.set_default_timeout(15000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    page.close()
    assert [fault for fault in faults if not any(part in fault for part in allowed)] == []
