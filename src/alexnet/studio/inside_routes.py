"""One image inside a run's network, changed or covered or from the camera: its maps, and one cell written out."""

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alexnet.errors import GeometryError
from alexnet.files import is_there, shown_name
from alexnet.studio.answers import answer, read_body
from alexnet.studio.network_images import MOST_BYTES, decode, network_pixels
from alexnet.studio.opened_runs import finished_run, using_run
from alexnet.studio.shown_image import change_and_cover, shown_pixels
from alexnet.studio.traced_cell import receptive_field, trace_cell, trace_unit

if TYPE_CHECKING:
    import numpy as np

    from alexnet.inspection.decision import Decision
    from alexnet.inspection.image_path import UnitStage
    from alexnet.inspection.layer_step import LayerStep
    from alexnet.inspection.next_units import NextUnit
    from alexnet.runs.run import Run

__all__ = ["ROUTES"]

NUM_MAPS = 8
"""Strongest maps, or units, of a layer that are shown."""

NUM_PUSHES = 6
"""Units on each side of the decision."""

NUM_SAMPLES = 8

MOST_FILES = 2000
"""Test images that are listed by name, to choose one."""


def image_path(request: Request) -> Response:
    """The image as the query changes it, and what the network makes of it: see `_follow`."""
    with using_run(request) as run:
        pixels = network_pixels(request, run, request.query_params.get("image", ""))
        return answer(_follow(request, run, pixels))


async def frame(request: Request) -> Response:
    """The same for a frame of the camera, an image file that is the body."""
    data = await read_body(request, MOST_BYTES)
    return await run_in_threadpool(_frame, request, data)


def _frame(request: Request, data: bytes) -> Response:
    with using_run(request) as run:
        return answer(_follow(request, run, decode(run, data, "the frame")))


def _follow(request: Request, run: "Run", pixels: "np.ndarray") -> dict[str, Any]:
    """The changed image, its way through the network, and the decision.

    Of each layer the strongest maps and units, or `units=conv1/3,fc7/5`; the decision between the two most probable
    classes, or `between=3,5`.
    """
    from alexnet.inspection.image_path import follow_image
    from alexnet.inspection.unit_address import parse_units
    from alexnet.report.image_sources import image_uri

    units = request.query_params.get("units")
    changed, covered = change_and_cover(request, run, pixels)
    path = follow_image(
        run.model,
        covered,
        num_maps=NUM_MAPS,
        num_units=NUM_PUSHES,
        chosen=parse_units(units) if units else None,
        between=_two_classes(request.query_params.get("between")),
    )
    layers = [
        {"layer": stage.layer, "kind": stage.kind, "num_maps": stage.num_maps,
         "maps": [_map(one.address.number, one.values) for one in stage.maps]}
        for stage in path.stages
    ]  # fmt: skip
    return {
        "source": str(image_uri(changed)),
        "classes": [shown_name(name) for name in run.model.classes],
        "probabilities": path.probabilities,
        "layers": layers,
        "units": [_units(stage) for stage in path.units],
        "softmax": path.softmax.to_dict(),
        "decision": _decision(run, path.decision),
    }


def _two_classes(text: str | None) -> tuple[int, int] | None:
    """The numbers of two classes, `3,5`."""
    if not text:
        return None
    first, _, second = text.partition(",")
    return _whole(first, "between: the numbers"), _whole(second, "between: the numbers")


def _units(stage: "UnitStage") -> dict[str, Any]:
    """A fully connected layer: the values of all its units as 32-bit numbers, little-endian."""
    return {
        "layer": stage.layer,
        "activation": stage.activation,
        "num_active": stage.num_active,
        "shown": list(stage.shown),
        "values": base64.b64encode(stage.values.astype("<f4").tobytes()).decode("ascii"),
    }


def _decision(run: "Run", decision: "Decision") -> dict[str, Any]:
    classes = list(run.model.classes)
    between = [classes.index(decision.winner), classes.index(decision.runner_up)]
    names = {"winner": shown_name(decision.winner), "runner_up": shown_name(decision.runner_up)}
    return decision.to_dict() | names | {"between": between}


def samples(request: Request) -> Response:
    """Test images to begin with: of each class one that is right, and the mistakes that were made most certainly."""
    run = finished_run(request, request.path_params["name"])
    first: dict[str, int] = {}
    for number, each in enumerate(run.predictions):
        if not each.is_mistake:
            first.setdefault(str(each.true), number)
    wrong = sorted((n for n, each in enumerate(run.predictions) if each.is_mistake),
                   key=lambda number: -run.predictions[number].probability)  # fmt: skip
    chosen = [*list(first.values())[:NUM_SAMPLES], *wrong[:NUM_SAMPLES]]
    listed = [(number, run.predictions[number]) for number in chosen]
    data = run.about.data.path
    return answer(
        {
            "missing": "" if is_there(data) else shown_name(data),
            "files": [shown_name(each.file) for each in run.predictions[:MOST_FILES]],
            "num_files": len(run.predictions),
            "samples": [
                {"number": number, "file": each.file, "true": shown_name(str(each.true)),
                 "predicted": shown_name(each.predicted)}
                for number, each in listed
            ]
        }
    )  # fmt: skip


def test_image(request: Request) -> Response:
    """The first test image with `part` in its name, null where there is none; `samples` lists the first ones only."""
    run = finished_run(request, request.path_params["name"])
    part = request.query_params.get("part", "")
    names = (shown_name(each.file) for each in run.predictions)
    return answer({"file": next((name for name in names if part in name), None)})


def _map(number: int, values: "np.ndarray") -> dict[str, Any]:
    """A map as bytes, 255 for its largest value; what is below 0 is 0."""
    largest = max(float(values.max()), 0.0)
    scaled = (values.clip(0) * (255.0 / largest if largest > 0 else 0.0)).round().astype("uint8")
    return {
        "number": number,
        "maximum": float(values.max()),
        "shape": list(values.shape),
        "values": base64.b64encode(scaled.tobytes()).decode("ascii"),
    }


def cell(request: Request) -> Response:
    """One output of a layer and what it is computed from, and what becomes of it in the layers that follow."""
    query = request.query_params
    number, row, column = (_whole(query.get(name), "map, row and column") for name in ("map", "row", "column"))
    layer = request.path_params["layer"]
    with using_run(request) as run:
        step, after = trace_cell(run, shown_pixels(request, run), layer, number, row, column)
        field = receptive_field(run, layer, step.place)
    return answer({"step": _step(step), "after": after, "field": field})


def unit(request: Request) -> Response:
    """One unit of a fully connected layer as a sum, and what becomes of it in the layers that follow."""
    layer, number = request.path_params["layer"], request.path_params["number"]
    with using_run(request) as run:
        one, step, after = trace_unit(run, shown_pixels(request, run), layer, number)
        is_last = layer == run.model.network.layer_names[-1]
        name = shown_name(run.model.classes[number]) if is_last else None
    terms = [
        asdict(term) | {"source": str(term.source), "layer": term.source.layer, "number": term.source.number}
        | {"factors": _factors(step, term.source.number) if term.place else None}
        for term in one.terms
    ]  # fmt: skip
    return answer({"sum": one.to_dict() | {"terms": terms}, "equation": step.equation, "class": name, "after": after})


def _factors(step: "LayerStep", channel: int) -> dict[str, Any] | None:
    """A map that a unit reads, the weights for it, and their products, each [h][w]."""
    if step.weights is None:
        return None
    rows = {"patch": step.patch, "weights": step.weights, "products": step.products}
    return {name: values[channel].tolist() for name, values in rows.items()}


def forward(request: Request) -> Response:
    """Units of the next layer that read a unit: those with the largest weights and, with an image, contributions."""
    from alexnet.inspection.network_layers import weighted_layers
    from alexnet.inspection.next_units import next_units
    from alexnet.inspection.unit_address import UnitAddress

    unit = UnitAddress(request.path_params["layer"], request.path_params["number"])
    with using_run(request) as run:
        if unit.layer == weighted_layers(run.model.network)[-1]:
            return answer({"layer": None})
        pixels = shown_pixels(request, run) if "image" in request.query_params else None
        read = next_units(run.model, unit, pixels)

    def listed(units: "tuple[NextUnit, ...]") -> list[dict[str, Any]]:
        return [
            {"number": each.unit.number, "weight": each.weight_norm, "contribution": each.contribution,
             "place": each.place, "class": each.class_name and shown_name(each.class_name)}
            for each in units
        ]  # fmt: skip

    return answer(
        {
            "layer": read.layer,
            "num_units": read.num_units,
            "by_weight": listed(read.by_weight),
            "by_contribution": listed(read.by_contribution),
        }
    )


def _whole(text: str | None, what: str) -> int:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise GeometryError(f"{what} are whole numbers from 0")
    return int(text)


def _step(step: "LayerStep") -> dict[str, Any]:
    """The channels that add most, written out; of the others the sums."""
    values = step.to_dict()
    from alexnet.inspection.layer_step import strongest_channels

    chosen = strongest_channels(step.channel_sums)
    for name in ("patch", "weights", "products"):
        rows = values[name]
        values[name] = None if rows is None else [rows[channel] for channel in chosen]  # type: ignore[index]
    return values | {"chosen": chosen, "num_channels": len(step.channel_sums)}


ROUTES: list[BaseRoute] = [
    Route("/api/runs/{name}/inside", image_path),
    Route("/api/runs/{name}/samples", samples),
    Route("/api/runs/{name}/test-image", test_image),
    Route("/api/runs/{name}/inside/{layer}/cell", cell),
    Route("/api/runs/{name}/inside/{layer}/units/{number:int}", unit),
    Route("/api/runs/{name}/next/{layer}/{number:int}", forward),
    Route("/api/runs/{name}/inside/frame", frame, methods=["POST"]),
]
