"""What happens if one unit of a run is removed: to its test, and to the probabilities of one image."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.files import shown_name
from alexnet.studio.answers import answer
from alexnet.studio.network_images import network_pixels
from alexnet.studio.opened_runs import using_run
from alexnet.studio.shell_path import shell_path

if TYPE_CHECKING:
    from alexnet.runs.run import Run

__all__ = ["ROUTES"]

MOST_FILES = 60
"""Images fixed, and broken, of which the page shows thumbnails."""


def without_unit(request: Request) -> Response:
    """The test without a unit: error, classes, images fixed and broken; with `image=`, also its probabilities."""
    import alexnet

    units = {request.path_params["layer"]: [request.path_params["number"]]}
    image = request.query_params.get("image")
    with using_run(request, is_slow=True) as run:
        changed = None
        if image is not None:
            changed = alexnet.ablate_on_image(run, network_pixels(request, run, image), units)
        tested = alexnet.ablate_units(run, units)
        numbers = {each.file: number for number, each in enumerate(run.predictions)}
        own = {"error": run.evaluation.top1_error, "views": run.evaluation.views}
        path = shell_path(run.path)
    return answer(
        tested.to_dict()
        | {
            "classes": [each.to_dict() | {"name": shown_name(each.name)} for each in tested.classes],
            "fixed": _images(tested.fixed, numbers),
            "broken": _images(tested.broken, numbers),
            "own": own if own["views"] != tested.views else None,
            "image": None if changed is None else _probabilities(run, changed.before, changed.after),
            "shell_path": path,
        }
    )


def _images(files: tuple[str, ...], numbers: dict[str, int]) -> list[dict[str, Any]]:
    """Files with their numbers among the run's predictions, by which the page asks for them."""
    return [{"file": file, "number": numbers.get(file)} for file in files[:MOST_FILES]]


def _probabilities(run: "Run", before: tuple[float, ...], after: tuple[float, ...]) -> dict[str, Any]:
    return {"classes": [shown_name(name) for name in run.model.classes], "before": before, "after": after}


ROUTES: list[BaseRoute] = [Route("/api/runs/{name}/units/{layer}/{number:int}/without", without_unit)]
