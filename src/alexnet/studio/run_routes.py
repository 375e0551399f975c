"""A finished run: its scores, its mistakes one by one, decisions about them, its kernels and units."""

from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import DataError
from alexnet.files import is_there, shown_name
from alexnet.studio.answers import NotHereError, answer, posted
from alexnet.studio.network_images import jpeg, network_pixels
from alexnet.studio.opened_runs import finished_run, using_run
from alexnet.studio.run_tables import decisions
from alexnet.studio.shell_path import shell_path
from alexnet.studio.train_on import train_on
from alexnet.studio.workspace import workspace_of

if TYPE_CHECKING:
    from alexnet.records import Prediction
    from alexnet.runs.run import Run

__all__ = ["ROUTES"]

MOST_ITEMS = 2000
"""Mistakes that one answer lists."""

NUM_PATCHES = 8

_kernel_sheets: "WeakKeyDictionary[Run, list[dict[str, str]]]" = WeakKeyDictionary()
"""As long as a run is open."""


def scores(request: Request) -> Response:
    """What is known of the run: scores with their intervals, its recipe, and its layers with their kernels."""
    from alexnet.audit.retrained import KEPT
    from alexnet.data.corrections import corrections_path
    from alexnet.inspection.network_layers import find_layer, weighted_layers

    name = request.path_params["name"]
    run = finished_run(request, name)
    about, network = run.about, run.model.network
    return answer(
        {
            "name": name,
            "path": shown_name(run.path),
            "shell_path": shell_path(run.path),
            "corrections": shell_path(corrections_path(about.data.path)),
            "evaluation": run.evaluation,
            "has_views": run.model.views != "centre",
            "created": about.created,
            "seconds": about.seconds,
            "data": shown_name(about.data.path),
            "images": about.data.images,
            "has_images": is_there(about.data.path),
            "recipe": run.recipe.name,
            "variant": run.recipe.variant,
            "is_retrained": run.folder.has(KEPT),
            "train_on": train_on(workspace_of(request), name, run.folder),
            "kernel_epochs": [epoch for epoch, _ in run.folder.kernel_snapshots()],
            "layers": {each: len(next(find_layer(network, each).parameters())) for each in weighted_layers(network)},
        }
    )  # fmt: skip


def mistakes(request: Request) -> Response:
    """The wrongly classified test images as `<mistakes-browser>` lists them, and what was decided about them."""
    run = finished_run(request, request.path_params["name"])
    wrong = [(number, each) for number, each in enumerate(run.predictions) if each.is_mistake]
    wrong.sort(key=lambda pair: (-pair[1].probability, pair[1].file))
    evaluation = run.evaluation
    return answer(
        {
            "classes": [shown_name(each) for each in evaluation.classes],
            "counts": evaluation.confusion,
            "num_mistakes": evaluation.num_mistakes,
            "tiles": None,
            "items": [_item(number, each) for number, each in wrong[:MOST_ITEMS]],
            "corrections": decisions(run),
        }
    )


def _item(number: int, prediction: "Prediction") -> dict[str, Any]:
    return {
        "file": shown_name(prediction.file),
        "number": number,
        "true": shown_name(str(prediction.true)),
        "predicted": shown_name(prediction.predicted),
        "probability": prediction.probability,
        "margin": prediction.margin,
        "loss": prediction.loss,
    }


def mistake_image(request: Request) -> Response:
    """A test image by its place among the predictions, as the network gets it."""
    run = finished_run(request, request.path_params["name"])
    file = _file(request, run)
    # another run of this name may have another image in this place
    tag = f'"{blake2b(f"{run.about.created} {file}".encode(), digest_size=8).hexdigest()}"'
    kept = {"cache-control": "private, no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=kept)
    return Response(jpeg(network_pixels(request, run, file)), media_type="image/jpeg", headers=kept)


def mistake_detail(request: Request) -> Response:
    """Probabilities and heat map of a test image; with `near` the map's test and the nearest training images."""
    from alexnet.report.browser_data import browser_data
    from alexnet.report.image_sources import image_uri
    from alexnet.runs.mistake_details import explain_mistakes

    with_near = "near" in request.query_params
    with using_run(request, is_slow=with_near) as run:
        file = _file(request, run)
        details = explain_mistakes(run, [file], num_tested=int(with_near), with_neighbors=with_near)
    if not details.details:
        raise DataError(f"{shown_name(file)}: is no longer where it was; put it back")
    data = browser_data(details, lambda pixels: str(image_uri(pixels)), run=run)
    item = data["items"][0]
    if not with_near:
        return answer({"probabilities": item["probabilities"], "heat": item["heat"], "heat_note": ""})
    note = "" if item["neighbors"] else " ".join(details.notes)
    parts = ("heat", "heat_note", "neighbors")
    return answer({name: item[name] for name in parts} | {"tiles": data["tiles"], "neighbors_note": note})


def _file(request: Request, run: "Run") -> str:
    number, predictions = request.path_params["number"], run.predictions
    if not 0 <= number < len(predictions):
        raise NotHereError("there is no such test image")
    return str(predictions[number].file)


def decided(request: Request) -> Response:
    """Every decision about labels that holds for the images of the run."""
    return answer({"corrections": decisions(finished_run(request, request.path_params["name"]))})


def decide(request: Request, values: dict[str, Any]) -> Any:
    """Write a decision about an image into the corrections of its folder, or take it back; the images stay."""
    import alexnet

    run = finished_run(request, request.path_params["name"])
    data, file, action = run.about.data.path, str(values.get("file", "")), str(values.get("action", ""))
    if action == "undo":
        alexnet.undo_correction(alexnet.corrections_path(data), file)
    else:
        to = next((name for name in run.about.classes if shown_name(name) == values.get("to")), "")
        alexnet.correct(data, [file], action, to=to)
    return {"corrections": decisions(run)}


def first_kernels(request: Request) -> Response:
    """Every kernel of the first layer as an image, on the common scale and on its own."""
    from alexnet.report.run_sections import kernel_sheet

    with using_run(request) as run:
        if run not in _kernel_sheets:
            _kernel_sheets[run] = [{key: str(value) for key, value in one.items()} for one in kernel_sheet(run)]
        return answer({"kernels": _kernel_sheets[run]})


def unit_page(request: Request) -> Response:
    """A unit: its kernel, and the patches of training images at several fractions of its largest activation."""
    import alexnet
    from alexnet.report.run_sections import patch_data, unit_kernel_source

    address = f"{request.path_params['layer']}/{request.path_params['number']}"
    with using_run(request, is_slow=True) as run:
        view = alexnet.unit(run, address, most=NUM_PATCHES)
    strips = [
        {"level": strip.level, "patches": [patch_data(patch) for patch in strip.patches]} for strip in view.strips
    ]
    shown = {"title": view.title, "strips": strips, "kernel": unit_kernel_source(view)}
    return answer(view.to_dict() | shown | {"shell_path": shell_path(run.path)})


def image_map(request: Request) -> Response:
    """Every image of the run on a plane, as `<image-map>` draws it."""
    import alexnet
    from alexnet.report.map_page import map_data

    with using_run(request, is_slow=True) as run:
        result = alexnet.map_images(run, method="pca")
    return answer(map_data([result]) | {"title": result.title})


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}", scores),
    Route("/api/runs/{name}/mistakes", mistakes),
    Route("/api/runs/{name}/mistakes/{number:int}", mistake_detail),
    Route("/api/runs/{name}/mistakes/{number:int}/image", mistake_image),
    Route("/api/runs/{name}/corrections", decided),
    Route("/api/runs/{name}/corrections", posted(decide), methods=["POST"]),
    Route("/api/runs/{name}/kernels", first_kernels),
    Route("/api/runs/{name}/map", image_map),
    Route("/api/runs/{name}/units/{layer}/{number:int}", unit_page),
]
