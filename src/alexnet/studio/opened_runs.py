"""Runs with their networks loaded, a few at a time; one request at a time uses them."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.from_thread
from starlette.requests import Request

from alexnet.errors import AlexNetError, RunError
from alexnet.run_folder import WRITTEN_BY_EVALUATE
from alexnet.studio.workspace import workspace_of

if TYPE_CHECKING:
    from alexnet.runs.run import Run

__all__ = ["GoneError", "finished_run", "using_run"]

MOST_OPENED = 4
"""Networks in memory."""

_opened: "OrderedDict[tuple[Path, tuple[int, ...], bool], Run]" = OrderedDict()
_all_threads = 0
_list_lock = threading.Lock()
_use_locks = {False: threading.Lock(), True: threading.Lock()}


class GoneError(AlexNetError):
    """Whoever asked has gone, to another page perhaps, before it was their turn."""


@contextmanager
def using_run(request: Request, *, is_slow: bool = False) -> Iterator["Run"]:
    """The run that a request names, with its network; others wait, since a network that is looked into has hooks.

    A quick request computes in one thread: beside a training that keeps all cores busy, two take ten times as long.

    Args:
        is_slow: it takes longer than a moment: a network of its own is used, so that quick requests do not wait.

    Raises:
        NotHereError: there is none of that name.
        RunError: it is not finished, or damaged.
        GoneError: it is slow, and nobody waits for the answer any more.
    """
    with _use_locks[is_slow]:
        if is_slow and anyio.from_thread.run(request.is_disconnected):
            raise GoneError("nobody waits for this answer any more")
        run = finished_run(request, request.path_params["name"], is_slow=is_slow)
        with _threads(is_slow=is_slow):
            yield run


@contextmanager
def _threads(*, is_slow: bool) -> Iterator[None]:
    """Inside the block torch computes in one thread, or where it takes long, in all."""
    import torch

    global _all_threads
    with _list_lock:
        _all_threads = _all_threads or torch.get_num_threads()
    torch.set_num_threads(_all_threads if is_slow else 1)
    try:
        yield
    finally:
        torch.set_num_threads(_all_threads)


def finished_run(request: Request, name: str, *, is_slow: bool = False) -> "Run":
    """The run of a name, from memory where neither its weights nor its predictions have changed.

    Raises:
        NotHereError: there is none of that name.
        RunError: it is not finished, or damaged.
    """
    from alexnet.runs.run import Run  # here: torch takes a second to load, and the first page needs none of it

    folder = workspace_of(request).run(name)
    if not folder.about.is_finished:
        raise RunError(f"{name}: is not finished; it can be looked into when the training has ended")
    files = [folder.model_path, *(folder.path / name for name in sorted(WRITTEN_BY_EVALUATE))]
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    key = folder.path, changed, is_slow
    with _list_lock:
        if key not in _opened:
            _opened[key] = Run(folder)
            while len(_opened) > MOST_OPENED:
                _opened.popitem(last=False)
        _opened.move_to_end(key)
        return _opened[key]
