"""A training as the page shows it: read from the run folder while another process writes it."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from alexnet.errors import AlexNetError, RunError
from alexnet.model.variants import get_variant
from alexnet.recipe import Recipe
from alexnet.records import EpochRecord, Prediction, StepRecord
from alexnet.run_folder import RunFolder
from alexnet.studio.train_on import train_on
from alexnet.studio.workspace import Workspace
from alexnet.training.latest import LatestMistake, read_latest
from alexnet.training.schedule import image_size, usable_sizes

__all__ = ["Followed", "follow_run", "pace", "run_state", "stop_reason", "thin_steps", "training_status"]

MOST_POINTS = 240
"""Points of a curve of steps; each is the mean of as many steps as it takes."""

MOST_MISTAKES = 24
NUM_PAIRS = 12

MOST_CLASSES = 40
"""Classes up to which the whole confusion matrix is sent; of more, the most confused pairs tell more."""

PACE_SECONDS = 5.0
"""Epochs must have taken this long before the time left is told."""

PACE_EPOCHS = 5
"""Epochs by which the time left is measured."""

LEAST_SECONDS = 1.0
WAIT_FACTOR = 40
"""How many times as long as the last reading took the next one waits: following costs less than 3 % of a core."""


class Followed:
    """The state of a training, or of all, read no more often than it is worth, however many tabs show it.

    read: gives the state anew.
    """

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read = read
        self._until = float("-inf")
        self._state: dict[str, Any] = {}

    def state(self) -> dict[str, Any]:
        """What `read` gives, up to a second old, or older where reading it takes long.

        Raises:
            NotHereError: there is no such training.
        """
        started = time.monotonic()
        if started >= self._until:
            self._state = self._read()
            seconds = time.monotonic() - started
            self._until = started + max(LEAST_SECONDS, WAIT_FACTOR * seconds)
        return self._state


def follow_run(known: dict[str, Followed], workspace: Workspace, name: str) -> Followed:
    """The training of a name among those that are followed already, `known`, or added to them."""
    return known.setdefault(name, Followed(lambda: run_state(workspace, name)))


def run_state(workspace: Workspace, name: str) -> dict[str, Any]:
    """A training: its status, what its process said last, its curves, its kernels, and at the end its scores.

    status: `preparing` (there is no run yet), `training`, `stopped`, `finished` or `failed`.

    Raises:
        NotHereError: there is no such training.
    """
    path = workspace.training_path(name)
    job = workspace.jobs.of(path)
    is_alive = job is not None and workspace.jobs.is_alive(job)
    lines = workspace.jobs.lines(job) if job is not None else []
    values: dict[str, Any] = {"name": name, "line": lines[-1] if lines and is_alive else "", "is_own": is_alive}
    try:
        run = RunFolder.open(path)
    except RunError:
        if is_alive or job is None:
            return values | {"status": "preparing" if is_alive else "failed", "fault": ""}
        if workspace.jobs.was_interrupted(job):
            return values | {"status": "stopped", "fault": ""}
        return values | {"status": "failed", "fault": workspace.jobs.reason(job)}
    try:
        status = training_status(run, is_alive=is_alive)
        fault = stop_reason(workspace, path) if status == "stopped" else ""
        values |= {"status": status, "fault": fault} | _course(run)
        values["folder"] = workspace.folder_name(Path(run.about.data.path))
        if status == "training":
            done = values["steps"][-1][0] if values["steps"] else 0
            values["pace"] = pace(run.recipe, values["num_steps"], done, run.epochs)
        if status != "finished":
            values["latest"] = _latest(workspace, run, values["epochs"])
        if status == "finished":
            values |= _scores(workspace, run)
        elif status == "stopped" and run.model_path.is_file():
            with contextlib.suppress(AlexNetError):  # its weights may be damaged
                values["train_on"] = train_on(workspace, name, run)
    except AlexNetError as error:
        values |= {"status": "failed", "fault": str(error)}
    return values


def stop_reason(workspace: Workspace, path: Path) -> str:
    """Why a training that was started here failed; empty where it was interrupted, or ran in a terminal."""
    job = workspace.jobs.of(path)
    if job is None or workspace.jobs.is_alive(job):
        return ""
    fault = workspace.jobs.fault(job)
    return "" if fault == "interrupted" else fault


def training_status(run: RunFolder, *, is_alive: bool) -> str:
    """`finished`, `training` or `stopped`.

    Args:
        is_alive: a process that was started from here writes the run.

    Raises:
        RunError: the run is damaged.
    """
    if run.about.is_finished:
        return "finished"
    if is_alive:
        return "training"
    try:
        with run.locked():
            return "stopped"
    except RunError:  # a training that was started in a terminal holds it
        return "training"


def _course(run: RunFolder) -> dict[str, Any]:
    """What a run has written so far."""
    recipe, about = run.recipe, run.about
    return {
        "preset": recipe.name,
        "num_epochs": recipe.epochs,
        "num_steps": recipe.epochs * (about.data.images.get("train", 0) // recipe.batch_size),
        "size": recipe.size,
        "device": about.machine.get("device"),
        "precision": about.machine.get("precision"),
        "data": Path(about.data.path).name,
        "classes": about.classes,
        "images": about.data.images,
        "may_resume": run.holds_state,
        "steps": thin_steps(run.steps),
        "epochs": [epoch.to_dict() for epoch in run.epochs],
        "kernel_epochs": [epoch for epoch, _ in run.kernel_snapshots()],
    }


def pace(recipe: Recipe, num_steps: int, done: int, epochs: Sequence[EpochRecord]) -> dict[str, float] | None:
    """Seconds left and images per second, from the epochs so far; None before they have taken `PACE_SECONDS`.

        seconds left = seconds of the last epochs / their work * work of the steps to come

    Work is counted in pixels, since images may grow. The first epoch, slow at its start, counts only while alone.

    Args:
        done: steps that were taken.
    """
    if not epochs or epochs[-1].seconds < PACE_SECONDS:
        return None
    last = epochs[1:][-PACE_EPOCHS:] or epochs
    before = epochs[: -len(last)]
    seconds = epochs[-1].seconds - (before[-1].seconds if before else 0.0)  # an epoch's are those since the start
    per_epoch = num_steps / recipe.epochs
    work = sum(per_epoch * epoch.size**2 for epoch in last)
    spec = get_variant(recipe.variant, **recipe.switches)
    sizes = usable_sizes(spec, recipe.start_size or recipe.size, recipe.size)
    parts = [(max(done, n * per_epoch), (n + 1) * per_epoch) for n in range(recipe.epochs)]
    ahead = sum(
        (end - begin) * image_size(recipe, sizes, int((begin + end) / 2), num_steps=num_steps) ** 2
        for begin, end in parts
        if end > begin
    )
    return {
        "seconds_left": seconds / work * ahead,
        "images_per_second": fmean(epoch.images_per_second for epoch in last),
    }


def thin_steps(steps: Sequence[StepRecord], *, most: int = MOST_POINTS) -> list[list[float]]:
    """Step, loss and error of at most `most` points, each the mean of equally many steps.

    >>> thin_steps([StepRecord(n, 1, 0.1, n, 0.5) for n in range(1, 5)], most=2)
    [[2, 1.5, 0.5], [4, 3.5, 0.5]]
    """
    stride = max(1, -(-len(steps) // most))
    parts = [steps[place : place + stride] for place in range(0, len(steps), stride)]
    return [[part[-1].step, fmean(s.loss for s in part), fmean(s.top1_error for s in part)] for part in parts]


def _scores(workspace: Workspace, run: RunFolder) -> dict[str, Any]:
    evaluation = run.evaluation
    mistakes = sorted((p for p in run.predictions if p.is_mistake), key=lambda p: -p.probability)
    values = evaluation.to_dict()
    if len(evaluation.classes) > MOST_CLASSES:
        del values["confusion"], values["per_class"]
    pairs = Counter((p.true, p.predicted) for p in mistakes).most_common(NUM_PAIRS)
    return {
        "evaluation": values,
        "pairs": [[true, predicted, count] for (true, predicted), count in pairs],
        **_mistakes(workspace, run, mistakes[:MOST_MISTAKES]),
    }


def _latest(workspace: Workspace, run: RunFolder, epochs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest test of an unfinished run, with as much of its confusion as is shown; None where there is none.

    A training that was killed goes on from its last save: a test of a later epoch does not count any more.
    """
    latest = None
    with contextlib.suppress(AlexNetError):  # it may be damaged, and is written again
        latest = read_latest(run)
    if latest is None or not any(epoch["epoch"] == latest.epoch for epoch in epochs):
        return None
    wrong = [(true, predicted, count) for true, predicted, count in latest.confusion if true != predicted]
    pairs = sorted(wrong, key=lambda each: -each[2])[:NUM_PAIRS]
    return {
        "epoch": latest.epoch,
        "num_images": latest.num_images,
        "num_mistakes": latest.num_mistakes,
        "classes": latest.classes,
        "confusion": latest.matrix if len(latest.classes) <= MOST_CLASSES else None,
        "pairs": [[latest.classes[true], latest.classes[predicted], count] for true, predicted, count in pairs],
        **_mistakes(workspace, run, latest.mistakes),
    }


def _mistakes(workspace: Workspace, run: RunFolder, mistakes: Sequence[Prediction | LatestMistake]) -> dict[str, Any]:
    """Mistakes with the places of their images in the version of the folder that is named beside them."""
    places: dict[str, int] = {}
    version = ""
    with contextlib.suppress(AlexNetError):  # the images may have been moved
        scan = workspace.scan(Path(run.about.data.path))
        places, version = scan.places, scan.version
    return {
        "version": version,
        "mistakes": [
            {"file": p.file, "true": p.true, "predicted": p.predicted, "probability": p.probability,
             "place": places.get(p.file)}
            for p in mistakes
        ],
    }  # fmt: skip
