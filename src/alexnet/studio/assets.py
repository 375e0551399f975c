"""The page and what it is made of: the CSS and the modules of `alexnet.web`, by a list made at the start."""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.studio.answers import NotHereError

__all__ = ["ROUTES"]

KINDS = {".css": "text/css", ".js": "text/javascript"}
"""Endings of what is served, with its type."""


@cache
def _assets() -> dict[str, Traversable]:
    """Every file that is served, by its path in `alexnet.web`; a request only looks a name up here."""
    return dict(_walk(resources.files("alexnet.web"), ""))


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _walk(item, f"{prefix}{item.name}/")
        elif item.name.endswith(tuple(KINDS)):
            yield f"{prefix}{item.name}", item


def page(_: Request) -> Response:
    """The page; its views are modules."""
    return _html("studio")


def gallery(_: Request) -> Response:
    """Each component alone with drawn data, for whoever works on them; the page finds its name in the address."""
    return _html("gallery")


def _html(folder: str) -> Response:
    text = resources.files("alexnet.web").joinpath(f"{folder}/index.html").read_text(encoding="utf-8")
    return Response(text, media_type="text/html")


def asset(request: Request) -> Response:
    """A style sheet or a module."""
    name = request.path_params["name"]
    if name not in _assets():
        raise NotHereError("there is no such file in the studio")
    kind = next(kind for ending, kind in KINDS.items() if name.endswith(ending))
    return Response(_assets()[name].read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})


ROUTES: list[BaseRoute] = [
    Route("/", page),
    Route("/components", gallery),
    Route("/components/{name}", gallery),
    Route("/assets/{name:path}", asset),
]
