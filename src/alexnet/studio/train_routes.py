"""Training: the form, what a training will take, whether it will train, its start, its end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import alexnet
from alexnet.data.corrections import corrections_path
from alexnet.data.folder import ImageFolder
from alexnet.errors import RecipeError, RunError
from alexnet.files import shown_name
from alexnet.presets import as_recipe
from alexnet.recipe import Recipe, build_recipe
from alexnet.safe_name import safe_name
from alexnet.studio.answers import Endpoint, answer, posted, read_object
from alexnet.studio.follow import run_state
from alexnet.studio.recipe_form import changed_settings, recipe_form
from alexnet.studio.turns import in_turn
from alexnet.studio.workspace import Workspace, workspace_of

__all__ = ["ROUTES", "free_run_path", "training_command"]

IMAGENET = "imagenet"


def form(_: Request) -> Response:
    """Presets and settings."""
    return answer(recipe_form())


def plan(folder: ImageFolder, recipe: Recipe) -> Any:
    """What a training will take."""
    return alexnet.plan_training(folder, recipe)


def check(folder: ImageFolder, recipe: Recipe) -> Any:
    """Whether it will train; images are decoded for this, once."""
    result = alexnet.check_recipe(folder, recipe)
    return {"verdict": result.verdict, "words": str(result), "findings": result.findings}


def computed(function: Callable[[ImageFolder, Recipe], Any]) -> Endpoint:
    """A route that computes at length: one at a time, and not for a page that no longer waits."""

    async def endpoint(request: Request) -> Response:
        workspace, values = workspace_of(request), await read_object(request)
        recipe = _recipe(workspace, values)
        folder = await run_in_threadpool(_folder, workspace, values)
        return await in_turn(request, lambda: function(folder, recipe))

    return endpoint


def start(request: Request, values: dict[str, Any]) -> Any:
    """Start a training as a process of its own; answers the name of its run."""
    workspace = workspace_of(request)
    words, out, _ = training_command(workspace, values)
    workspace.jobs.start(words, out)
    return {"run": out.name}


def training_command(workspace: Workspace, values: dict[str, Any]) -> tuple[list[str], Path, Recipe]:
    """The words of the command that a request describes, the run folder that it will write, and its recipe.

    Raises:
        NotHereError, RecipeError: there are no such images or weights, or settings are wrong.
    """
    recipe = _recipe(workspace, values)
    data = _text(values, "data")
    out = free_run_path(workspace, _text(values, "name") or f"{data}-{recipe.name}")
    path = workspace.folder_path(data)
    words = ["train", str(path), "--preset", recipe.name, "--out", str(out)]
    for field, value in changed_settings(recipe, recipe.name).items():
        words += ["--set", f"{field}={_setting(value)}"]
    if values.get("corrected"):
        words += ["--corrections", str(corrections_path(path))]
    return words, out, recipe


def stop(request: Request, _: dict[str, Any]) -> Any:
    """Stop a training that was started here; its state is saved."""
    workspace, name = workspace_of(request), request.path_params["name"]
    job = workspace.jobs.of(workspace.training_path(name))
    if job is None or not workspace.jobs.is_alive(job):
        raise RunError(f"{shown_name(name)}: no training that was started here is running; stop it where it runs")
    workspace.jobs.stop(job)
    return {}


def go_on(request: Request, _: dict[str, Any]) -> Any:
    """Resume a training that was stopped."""
    workspace, name = workspace_of(request), request.path_params["name"]
    run = workspace.run(name)
    workspace.jobs.start(["resume", str(run.path)], run.path)
    return {}


def state(request: Request) -> Response:
    """A training as it is now; the live socket sends the same whenever it changes."""
    return answer(run_state(workspace_of(request), request.path_params["name"]))


# --- what a request asks for
def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key) or ""
    if not isinstance(value, str):
        raise RecipeError(f"{key}: is not a text")
    return value


def _folder(workspace: Workspace, values: dict[str, Any]) -> ImageFolder:
    name = _text(values, "data")
    folder = workspace.folder(name)
    return alexnet.apply_corrections(folder, corrections_path(folder.path)) if values.get("corrected") else folder


def _recipe(workspace: Workspace, values: dict[str, Any]) -> Recipe:
    """The preset with its settings changed. Weights are those of a run that is listed, or ImageNet's."""
    preset, settings = _text(values, "preset") or "fast", values.get("settings") or {}
    if not isinstance(settings, dict):
        raise RecipeError("settings: is not a table of settings")
    weights = settings.get("weights")
    if isinstance(weights, str) and weights != IMAGENET:
        settings = settings | {"weights": _weights_path(workspace, weights)}
    return build_recipe(as_recipe(preset).model_dump() | settings | {"name": preset})


def _weights_path(workspace: Workspace, weights: str) -> str:
    """The path of a run, or of its network after an epoch, by the name of the run: `first` or `first@3`."""
    name, _, epoch = weights.rpartition("@")
    if name and epoch.isdecimal() and weights not in workspace.listing().runs:
        return f"{workspace.run(name).path}@{epoch}"
    return str(workspace.run(weights).path)


def _setting(value: Any) -> str:
    """A value as `--set` reads it."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def free_run_path(workspace: Workspace, name: str) -> Path:
    """A run folder that does not exist yet and whose name no other run has, nor one that waits."""
    early = (shown for shown, path in workspace.pending().items() if not _was_stopped(workspace, path))
    used = {*workspace.listing().runs, *early, *(each.name for each in workspace.queue.waiting())}
    name = safe_name(name.strip().lstrip("."))
    number, chosen = 1, name
    while chosen in used or (workspace.runs_dir / chosen).exists():
        number += 1
        chosen = f"{name}-{number}"
    return workspace.runs_dir / chosen


def _was_stopped(workspace: Workspace, path: Path) -> bool:
    """Whether what was to write a run was stopped before it did: its name is free again."""
    job = workspace.jobs.of(path)
    return job is not None and not workspace.jobs.is_alive(job) and workspace.jobs.was_interrupted(job)


ROUTES: list[BaseRoute] = [
    Route("/api/recipes", form),
    Route("/api/plan", computed(plan), methods=["POST"]),
    Route("/api/check", computed(check), methods=["POST"]),
    Route("/api/train", posted(start), methods=["POST"]),
    Route("/api/runs/{name}/state", state),
    Route("/api/runs/{name}/stop", posted(stop), methods=["POST"]),
    Route("/api/runs/{name}/resume", posted(go_on), methods=["POST"]),
]
