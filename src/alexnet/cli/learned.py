"""`alexnet convolve` with the kernels of a run: applied, traced, and met by a named one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet.cli.show import screen
from alexnet.cli.wish import Wish, write_numbers
from alexnet.errors import RecipeError

if TYPE_CHECKING:
    from alexnet.runs.run import Run

__all__ = ["apply_learned", "find_alike", "names_learned", "trace_learned"]


def names_learned(kernel: str | None) -> bool:
    """Whether the text means a kernel of a run, RUN:LAYER:NUMBER."""
    return kernel is not None and len(kernel.rsplit(":", 2)) == 3 and Path(kernel.rsplit(":", 2)[0]).is_dir()


def _open_kernel(text: str | None) -> "tuple[Run, str, int]":
    from alexnet.runs.run import open_run

    parts = (text or "").rsplit(":", 2)
    if len(parts) != 3 or not parts[2].isdigit():
        raise RecipeError(f"kernel {text}: name a learned one as RUN:conv1:37")
    return open_run(parts[0]), parts[1], int(parts[2])


def _image_of(wish: Wish, run: "Run", path: Path | None) -> Any:
    from alexnet.evaluation.predict import read_image

    if path is None:
        raise RecipeError("convolve needs a IMAGE: give an image file")
    if wish.size or wish.border or wish.operation == "correlation":
        raise RecipeError(
            "a learned kernel is applied as its layer does it: leave out --size, --border and --correlate"
        )
    return read_image(path, run.model)


def apply_learned(wish: Wish) -> None:
    """Apply a learned kernel as its layer does: channel by channel, and summed."""
    import numpy as np

    from alexnet.figures.canvas import save_figure
    from alexnet.figures.convolution import Panels, draw_panels
    from alexnet.inspection.kernel_matching import apply_learned_kernel

    run, layer, number = _open_kernel(wish.kernel)
    found = apply_learned_kernel(run.model, _image_of(wish, run, wish.image), layer, number)
    difference = float(np.abs(found.summed - found.layer_map).max())
    limit = float(max(np.abs(found.summed).max(), np.abs(found.channel_maps[:6]).max())) or 1.0
    colour = len(found.weights) == 3
    strongest = np.argsort(-np.abs(found.channel_maps).max((1, 2)), kind="stable")[: 3 if colour else 6]
    shown = sorted(int(c) for c in strongest)
    names = ("red", "green", "blue") if colour else [f"input map {c}" for c in shown]
    kernel = found.weights.transpose(1, 2, 0) if colour else found.weights.mean(0)
    side = found.weights.shape[1]
    name = wish.image.stem if wish.image else "image"
    title = f"{layer} kernel {number} of {run.path.name} on {name}: correlation (kernel not flipped), as in the layer"
    panels = Panels(
        found.image,
        (0.0, 255.0),
        kernel,
        found.summed,
        (-limit, limit),
        title,
        f"{side} × {side} × {len(found.weights)}, stride {found.stride}" + ("" if colour else ", mean shown"),
        f"sum of {len(found.weights)} channels + bias {found.bias:.3g}, scale ±{limit:.3g}, white is 0",
        signed=True,
        extra=tuple(found.channel_maps[c] for c in shown),
        extra_said=tuple(f"{n} alone" for n in names),
    )
    given: dict[str, Any] = {
        "layer": layer,
        "kernel": number,
        "bias": found.bias,
        "shape": list(found.summed.shape),
        "difference_from_layer": difference,
    }
    screen.say(f"sum over {len(found.weights)} channels; at most {difference:.2g} from what the layer gives")
    if wish.raw is not None:
        given["raw"] = write_numbers(found.summed, wish.raw)
    if wish.out is not None or wish.raw is None:
        given["figure"] = str(save_figure(draw_panels(panels), wish.out or Path(f"{name}-{layer}-{number}.png")))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


def find_alike(wish: Wish) -> None:
    """Find the learned kernels most like a named one."""
    from alexnet.convolution.gallery import read_kernel
    from alexnet.figures.canvas import save_figure
    from alexnet.figures.convolution import MatchTile, draw_matches
    from alexnet.inspection.kernel_matching import match_kernels
    from alexnet.runs.run import kernels_of, open_run

    path, layer = wish.like or "", "conv1"
    if not Path(path).is_dir() and ":" in path:
        path, layer = path.rsplit(":", 1)
    run, kernel = open_run(path), read_kernel(wish.kernel or "sobel-y")
    weights = kernels_of(run, layer).weights
    matches = match_kernels(weights, kernel.weights)
    rows = [(m.number, f"{m.correlation:+.3f}", f"{m.shift[0]:+d}, {m.shift[1]:+d}", f"{m.scale}x") for m in matches]
    screen.table(["kernel", "correlation", "shift down, right", "enlarged"], rows, right=(0, 1))
    best = matches[0]
    screen.say(
        f"{kernel.name} is most like {layer} kernel {best.number} of {run.path.name}, r = {best.correlation:+.2f}"
    )
    given: dict[str, Any] = {"kernel": kernel.name, "layer": layer, "matches": [m.to_dict() for m in matches]}
    if wish.out is not None:
        colour = weights.shape[1] == 3
        tiles = [
            MatchTile(
                m.number,
                weights[m.number] if colour else weights[m.number].mean(0),
                m.laid,
                m.correlation,
                f"{m.scale}x, {m.shift[0]:+d}, {m.shift[1]:+d}",
            )
            for m in matches
        ]
        title = f"{layer} kernels of {run.path.name} most like {kernel.name} (flipped, as networks correlate)"
        given["figure"] = str(save_figure(draw_matches(tiles, title=title), wish.out))
        screen.say(f"written: {given['figure']}")
    screen.give(given)


def trace_learned(wish: Wish) -> None:
    """Write out one output of a layer."""
    from alexnet.inspection.layer_trace import trace_layer

    run, layer, number = _open_kernel(wish.kernel)
    try:
        row, column = (int(word) for word in (wish.at or "0,0").split(","))
    except ValueError as error:
        raise RecipeError(f"--at {wish.at}: give a row and a column, e.g. --at 3,4") from error
    pixels = _image_of(wish, run, Path(wish.trace or ""))
    found = trace_layer(run.model, pixels, layer, map=number, row=row, column=column)
    screen.say(f"{layer}, map {number}, row {row}, column {column}: {found.kind}")
    screen.say(
        f"reads rows from {found.corner[0]}, columns from {found.corner[1]}, "
        f"channels {found.channels[0]} to {found.channels[1]}"
    )
    screen.say(found.equation)
    screen.say(f"by this arithmetic {found.value:.7g}, by the layer {found.layer_value:.7g}")
    screen.give(found.to_dict())
