"""The finder: runs, folders, classes, files and units whose name contains a text."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import AlexNetError
from alexnet.run_folder import RunFolder
from alexnet.studio.answers import answer
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES"]

MOST_OF_A_KIND = 6
LONGEST_TEXT = 200

UNIT = re.compile(r"([a-z][a-z0-9_.]*)(?:[/ ](\d{1,6})?)?")
"""A unit as one types it: `conv3`, `conv3/217` or `conv3 217`; of a layer alone, its first unit."""

Match = dict[str, Any]


def find(request: Request) -> Response:
    """What matches `q`: a few of each kind. Of the `run` and the `folder` that were looked at last come first.

    kind: `run`, `folder`, `class`, `file` or `unit`. name: as it is listed. place: the folder of a class or a file,
    the run of a unit. status: of a run, `finished` or not.
    """
    workspace, query = workspace_of(request), request.query_params
    text = query.get("q", "").strip()[:LONGEST_TEXT].lower()
    if not text:
        return answer({"matches": []})
    runs, folders = _runs(workspace, query.get("run", "")), _folders(workspace, query.get("folder", ""))
    kinds: Iterable[Iterator[Match]] = (
        ({"kind": "run", "name": n, "is_finished": run.about.is_finished} for n, run in runs if text in n.lower()),
        ({"kind": "folder", "name": name} for name in folders if text in name.lower()),
        _classes(workspace, folders, text),
        _units(runs, text),
        _files(workspace, folders, text),
    )  # fmt: skip
    return answer({"matches": [match for kind in kinds for match in islice(kind, MOST_OF_A_KIND)]})


def _runs(workspace: Workspace, first: str) -> list[tuple[str, RunFolder]]:
    """The runs that can be read, that of the name `first` before the others."""
    runs = []
    for name in workspace.listing().runs:
        with contextlib.suppress(AlexNetError):
            run = workspace.run(name)
            _ = run.about  # a damaged one is not offered
            runs.append((name, run))
    return sorted(runs, key=lambda each: each[0] != first)


def _folders(workspace: Workspace, first: str) -> list[str]:
    return sorted(workspace.listing().folders, key=lambda name: name != first)


def _classes(workspace: Workspace, folders: list[str], text: str) -> Iterator[Match]:
    for folder in folders:
        with contextlib.suppress(AlexNetError):  # it cannot be read; its own view says why
            for name in workspace.folder(folder).classes:
                if text in name.lower():
                    yield {"kind": "class", "name": name, "place": folder}


def _files(workspace: Workspace, folders: list[str], text: str) -> Iterator[Match]:
    for folder in folders:
        with contextlib.suppress(AlexNetError):
            for file in workspace.folder(folder).files:
                if text in file.entry.name.lower():
                    yield {"kind": "file", "name": file.entry.name, "place": folder}


def _units(runs: list[tuple[str, RunFolder]], text: str) -> Iterator[Match]:
    asked = UNIT.fullmatch(text)
    if asked is None:
        return
    number = int(asked[2] or 0)
    for name, run in runs:
        with contextlib.suppress(AlexNetError):  # it is not finished, or damaged
            layers = _layers(run) if run.about.is_finished else {}
            exact = {asked[1]: layers[asked[1]]} if asked[1] in layers else layers
            for layer, count in exact.items():
                if layer.startswith(asked[1]) and number < count:
                    yield {"kind": "unit", "name": f"{layer}/{number}", "place": name}


def _layers(run: RunFolder) -> dict[str, int]:
    """Units of each layer with weights, by its name: that of every table, `conv1` to `conv5` and `fc6` to `fc8`.

    The files of a run name tensors by their places; a network would have to be loaded to ask it.
    """
    weights = [shape for name, shape in run.model_info.layers.items() if name.endswith(".weight")]
    return {f"{'conv' if len(shape) == 4 else 'fc'}{n}": shape[0] for n, shape in enumerate(weights, 1)}


ROUTES: list[BaseRoute] = [Route("/api/find", find)]
