"""Runs with their networks loaded, a few at a time; one request at a time uses them."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from starlette.requests import Request

from alexnet.errors import RunError
from alexnet.studio.workspace import workspace_of

if TYPE_CHECKING:
    from alexnet.records import Prediction
    from alexnet.runs.run import Run

__all__ = ["finished_run", "predictions_of", "using_run"]

MOST_OPENED = 4
"""Networks in memory."""

_opened: "OrderedDict[tuple[Path, int, bool], Run]" = OrderedDict()
_predictions: "WeakKeyDictionary[Run, tuple[Prediction, ...]]" = WeakKeyDictionary()
_all_threads = 0
_list_lock = threading.Lock()
_use_locks = {False: threading.Lock(), True: threading.Lock()}


@contextmanager
def using_run(request: Request, *, is_slow: bool = False) -> Iterator["Run"]:
    """The run that a request names, with its network; others wait, since a network that is looked into has hooks.

    A quick request computes in one thread: beside a training that keeps all cores busy, two take ten times as long.

    Args:
        is_slow: it takes longer than a moment: a network of its own is used, so that quick requests do not wait.

    Raises:
        NotHereError: there is none of that name.
        RunError: it is not finished, or damaged.
    """
    with _use_locks[is_slow]:
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
    """The run of a name, from memory where its weights have not changed.

    Raises:
        NotHereError: there is none of that name.
        RunError: it is not finished, or damaged.
    """
    from alexnet.runs.run import Run  # here: torch takes a second to load, and the first page needs none of it

    folder = workspace_of(request).run(name)
    if not folder.about.is_finished:
        raise RunError(f"{name}: is not finished; it can be looked into when the training has ended")
    changed_at = folder.model_path.stat().st_mtime_ns if folder.model_path.exists() else 0
    key = folder.path, changed_at, is_slow
    with _list_lock:
        if key not in _opened:
            _opened[key] = Run(folder)
            while len(_opened) > MOST_OPENED:
                _opened.popitem(last=False)
        _opened.move_to_end(key)
        return _opened[key]


def predictions_of(run: "Run") -> "tuple[Prediction, ...]":
    """The prediction for every test image, read once."""
    with _list_lock:
        if run not in _predictions:
            _predictions[run] = run.predictions
        return _predictions[run]
