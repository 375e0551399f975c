"""Which part of an image supports a class: heat maps by Captum's methods, for one image and one class."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from alexnet.errors import GeometryError, RecipeError
from alexnet.inspection.network_layers import blank_input, convolutions, find_layer, network_input
from alexnet.inspection.pass_size import images_at_once
from alexnet.inspection.receptive_field import ReceptiveBoxes, receptive_boxes
from alexnet.inspection.recording import layers_that_run, listed_runs, preserved
from alexnet.model.alexnet import AlexNet
from alexnet.model.checkpoint import Classifier
from alexnet.progress_callback import Progress
from alexnet.records import Record

__all__ = ["METHODS", "TOGETHER", "WARNINGS", "AttributionMap", "attribute", "attribute_all", "default_layer"]

METHODS = ("grad-cam", "hires-cam", "occlusion", "integrated-gradients", "guided-backprop", "deconvolution")
"""Names of the methods."""

AT_A_LAYER = METHODS[:2]
"""Methods that look at the maps of a layer."""

OF_DIFFERENCES = METHODS[:4]
"""Methods that can explain the difference of two classes, and need no ReLU modules."""

_sees_all: "WeakKeyDictionary[AlexNet, dict[tuple[str, int], bool]]" = WeakKeyDictionary()
"""By network, layer and image size: whether every place of the layer sees the whole image. It takes 10 ms."""

WARNINGS = {
    "guided-backprop": "guided backpropagation hardly depends on the weights of the later layers",
    "deconvolution": "deconvolution hardly depends on the weights of the later layers",
}
"""What to know of a method before believing its maps; Adebayo et al. 2018, arXiv:1810.03292."""

OCCLUDED_FRACTION = 1 / 6
"""Side of the gray square that occlusion covers, as a fraction of the image's side."""

TOGETHER = 32
"""Images of 96 px, or variants of one, in a pass: with gradients a deep network keeps 100 MB of a 224 px image."""

NUM_STEPS = 32
"""Steps of integrated gradients from the mean color to the image."""


@dataclass(frozen=True, eq=False)
class AttributionMap(Record):
    """How much each pixel supports a class.

    Args:
        method, layer: how it was made; no layer for methods that go back to the pixels.
        target: the class.
        image: what the network got, uint8 [S, S, 3].
        values: [S, S], float32, at least 0; larger means more support for the class. All 0 if nothing supports it.
        warning: a known weakness of the method; None if there is none.
        against: the other class, if the map shows what supports the target rather than it; else None.
    """

    method: str
    layer: str | None
    target: str
    image: UInt8[np.ndarray, "S S 3"]
    values: Float32[np.ndarray, "S S"]
    warning: str | None = None
    against: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no pixel supports the class."""
        return float(self.values.max()) <= 0.0

    def to_dict(self) -> dict[str, object]:
        """As plain data, without the pixels of the image."""
        return {
            "method": self.method,
            "layer": self.layer,
            "target": self.target,
            "against": self.against,
            "values": self.values.tolist(),
            "is_empty": self.is_empty,
            "warning": self.warning,
        }


def default_layer(classifier: Classifier, method: str = "grad-cam") -> str:
    """Of `hires-cam` the first convolutional layer, of `grad-cam` the last that sees more than one place.

    Of `grad-cam` it is the last of all where there is no such layer.

    Raises:
        GeometryError: the network has no convolutional layer.
    """
    names = convolutions(classifier.network)
    if method == "hires-cam":
        return layers_that_run(classifier.network, names, blank_input(classifier))[0]
    wide = [name for name in names if find_layer(classifier.network, name).kernel_size != (1, 1)]
    return (wide or names)[-1]


def attribute(
    classifier: Classifier,
    image: UInt8[np.ndarray, "S S 3"],
    target: str,
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    against: str | None = None,
) -> AttributionMap:
    """The heat map of one class on one image; the network is left as found.

    `grad-cam` weighs the maps of a convolutional layer by the mean gradient of the class's logit; `hires-cam` by the
    gradient at each place, and lays each place where its receptive field is; `occlusion` covers one
    square after another with the mean color; `integrated-gradients` sums gradients on the way from the mean color
    to the image; `guided-backprop` and `deconvolution` let only positive signals back.

    Args:
        image: a decoded image of the network's size.
        target: a class of the classifier.
        layer: for `grad-cam`, by default the last convolutional layer; for `hires-cam`, by default the first.
        against: another class: the map then explains the difference of the two logits, why the target rather than it.

    Raises:
        RecipeError: no such method or class, a layer for a method that looks at none, a method that explains no
            difference, or Captum is not installed.
        GeometryError: the layer is not convolutional or runs several times, the network has no ReLU modules for
            guided backpropagation or deconvolution, or the image has another size.

    Source: Grad-CAM: Selvaraju et al. 2017, arXiv:1610.02391; HiResCAM: Draelos & Carin 2020, arXiv:2011.08891;
    occlusion: Zeiler & Fergus 2014, arXiv:1311.2901; integrated gradients: Sundararajan et al. 2017,
    arXiv:1703.01365. All but HiResCAM are computed by Captum.
    """
    (one,) = attribute_all(classifier, [image], [target], method=method, layer=layer, against=[against])
    return one


def attribute_all(
    classifier: Classifier,
    images: Sequence[UInt8[np.ndarray, "S S 3"]],
    targets: Sequence[str],
    *,
    method: str = "grad-cam",
    layer: str | None = None,
    against: Sequence[str | None] | None = None,
    on_progress: Progress | None = None,
) -> tuple[AttributionMap, ...]:
    """The heat map of each image for its class, many images in one pass where the method allows it; see `attribute`.

    Args:
        targets: a class for each image.
        against: for each image another class, or None.
        on_progress: called with (maps done, maps in all).

    Raises:
        RecipeError, GeometryError: as `attribute`.
    """
    network, size = classifier.network, classifier.preprocessing.size
    others = [None] * len(images) if against is None else list(against)
    for image in images:
        if image.shape != (size, size, 3):
            raise GeometryError(f"image of shape {image.shape}: give uint8 [{size}, {size}, 3]")
    if method not in METHODS:
        raise RecipeError(f"method {method}: choose one of {', '.join(METHODS)}")
    pairs = [_class_numbers(classifier, *pair, method) for pair in zip(targets, others, strict=True)]
    if layer is not None and method not in AT_A_LAYER:
        raise RecipeError(
            f"layer {layer}: only {' and '.join(AT_A_LAYER)} look at a layer; leave it out with method {method}"
        )
    if method in WARNINGS and not any(isinstance(module, nn.ReLU) for module in network.modules()):
        raise GeometryError(
            f"method {method}: changes how gradients pass nn.ReLU modules, and the network has none; choose one of "
            + ", ".join(OF_DIFFERENCES)
        )
    chosen = _convolution(classifier, layer, method) if method in AT_A_LAYER else None
    modules = {} if chosen is None else {chosen: find_layer(network, chosen)}
    boxes = receptive_boxes(network, chosen, size) if chosen is not None and method == "hires-cam" else None
    warning = WARNINGS.get(method) if chosen is None else _coarse_warning(network, chosen, size)
    maps: list[AttributionMap] = []
    step = 1  # the other methods run many variants of one image
    if method in (*AT_A_LAYER, *WARNINGS):
        step = images_at_once(size, TOGETHER)
    with preserved(network), _without_inplace(network), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum warns of the hooks that it sets and removes
        network.eval()
        for start in range(0, len(images), step):
            rows = slice(start, start + step)
            x = network_input(classifier, np.stack(images[rows]))
            with listed_runs(modules) as runs:
                heats = _compute(network, x, pairs[rows], method, modules.get(chosen or ""))
            if len(runs) > 1:  # only the last run was seen
                raise GeometryError(
                    f"layer {chosen}: runs {len(runs)} times in a forward pass; choose another for {method}"
                )
            if boxes is not None:
                heats = _laid_out(heats, boxes, size)
            values = heats.clamp_min(0.0).detach().float().cpu().numpy()
            for image, target, other, heat in zip(images[rows], targets[rows], others[rows], values, strict=True):
                maps.append(AttributionMap(method, chosen, target, image, heat, warning, other))
            if on_progress:
                on_progress(len(maps), len(images))
    return tuple(maps)


def _class_numbers(classifier: Classifier, target: str, against: str | None, method: str) -> tuple[int, int | None]:
    if target not in classifier.classes:
        raise RecipeError(
            f"class {target}: is not a class of this network; choose one of {', '.join(classifier.classes)}"
        )
    return classifier.classes.index(target), _other_class(classifier, target, against, method)


def _other_class(classifier: Classifier, target: str, against: str | None, method: str) -> int | None:
    if against is None:
        return None
    if against not in classifier.classes or against == target:
        known = ", ".join(name for name in classifier.classes if name != target)
        raise RecipeError(f"against {against}: choose another class than {target}: {known}")
    if method in WARNINGS:
        raise RecipeError(f"method {method}: explains one class alone; choose one of {', '.join(OF_DIFFERENCES)}")
    return classifier.classes.index(against)


def _coarse_warning(network: nn.Module, layer: str, size: int) -> str | None:
    """A warning where every place of a layer sees the whole image; of an `AlexNet`: others are slow to measure."""
    if not isinstance(network, AlexNet):
        return None
    known = _sees_all.setdefault(network, {})
    if (layer, size) not in known:
        boxes = receptive_boxes(network, layer, size)
        known[layer, size] = len({*boxes.read_rows, *boxes.read_columns}) == 1
    if not known[layer, size]:
        return None
    return f"each place of {layer} sees the whole image, so its map is coarse; hires-cam and occlusion locate better"


def _convolution(classifier: Classifier, layer: str | None, method: str) -> str:
    name = default_layer(classifier, method) if layer is None else layer
    convs = convolutions(classifier.network)
    if not isinstance(find_layer(classifier.network, name), nn.Conv2d):
        raise GeometryError(f"layer {name}: {method} needs a convolutional layer; choose one of {', '.join(convs)}")
    return name


@contextmanager
def _without_inplace(network: nn.Module) -> Iterator[None]:
    """Let activations make new tensors, as hooks on gradients need; afterwards they work in place again."""
    changed = [module for module in network.modules() if getattr(module, "inplace", False)]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


def _compute(
    network: nn.Module, x: Tensor, pairs: Sequence[tuple[int, int | None]], method: str, layer: nn.Module | None
) -> Tensor:
    """The maps [N, S, S] of normalized images [N, 3, S, S], with their sign.

    pairs: for each image the class, and the one whose logit is subtracted from the class's, or None.
    """
    explained = _difference(network, pairs, x.device)
    if method == "hires-cam" and layer is not None:
        return _products(explained, layer, x)
    captum, variants = _captum(), images_at_once(x.shape[-1], TOGETHER)
    if method == "grad-cam":
        heat: Tensor = captum.LayerGradCam(explained, layer).attribute(x, relu_attributions=True)
        return F.interpolate(heat, x.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    if method == "occlusion":
        window = max(1, round(x.shape[-1] * OCCLUDED_FRACTION))
        step = max(1, window // 2)
        shape, strides = (3, window, window), (3, step, step)
        heat = captum.Occlusion(explained).attribute(x, shape, strides, perturbations_per_eval=variants)
        return heat.mean(1)
    if method == "integrated-gradients":
        gradients = captum.IntegratedGradients(explained)
        heat = gradients.attribute(x, n_steps=NUM_STEPS, internal_batch_size=variants)
        return heat.sum(1)
    kind = captum.GuidedBackprop if method == "guided-backprop" else captum.Deconvolution
    pixels: Tensor = kind(network).attribute(x, target=torch.tensor([number for number, _ in pairs], device=x.device))
    return pixels.abs().sum(1)


def _products(explained: Callable[[Tensor], Tensor], layer: nn.Module, x: Tensor) -> Float[Tensor, "N h w"]:
    """At each place of a layer's maps the sum over maps of activation times gradient.

    An activation that follows as ReLU changes nothing: where it gives 0, so does the gradient before it.
    """
    outputs: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        with torch.enable_grad():
            logits = explained(x.detach().requires_grad_())
    finally:
        handle.remove()
    if not outputs:
        return torch.zeros(len(x), 1, 1, device=x.device)
    (gradient,) = torch.autograd.grad(logits.sum(), outputs[-1:])
    return (outputs[-1].detach() * gradient).sum(1)


def _laid_out(heats: Float[Tensor, "N h w"], boxes: ReceptiveBoxes, size: int) -> Float[Tensor, "N S S"]:
    """Heat of each pixel, from places that lie in the middle of their receptive fields; beyond them as at the edge.

    A map of 4 x 4 places covers the middle of an image of 96 px only, although they are as many parts of its side.
    """
    heats = heats.clamp_min(0.0)
    weights = []
    for spans in (boxes.rows, boxes.columns):
        centers = np.array([(first + end - 1) / 2 for first, end in spans])
        if (np.diff(centers) <= 0).any():  # the places are in no order, as after an enlargement of the maps
            return F.interpolate(heats[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]
        rows = np.stack([np.interp(np.arange(size), centers, one) for one in np.eye(len(centers))], 1)
        weights.append(torch.from_numpy(rows).to(heats))
    return torch.einsum("ip,npq,jq->nij", weights[0], heats, weights[1])


def _difference(
    network: nn.Module, pairs: Sequence[tuple[int, int | None]], device: torch.device
) -> Callable[[Tensor], Tensor]:
    """For each image the logit of its class, less that of the other class where there is one; [N].

    The function takes the images once, or one of them many times.
    """
    targets = torch.tensor([number for number, _ in pairs], device=device)
    others = torch.tensor([number if other is None else other for number, other in pairs], device=device)
    factors = torch.tensor([0.0 if other is None else 1.0 for _, other in pairs], device=device)

    def difference(x: Tensor) -> Tensor:
        logits: Tensor = network(x)
        rows = torch.arange(len(x), device=device)
        return logits[rows, targets] - factors.to(logits) * logits[rows, others]

    return difference


def _captum() -> Any:
    try:
        import captum.attr
    except ImportError as error:
        raise RecipeError(
            "heat maps need the package captum: pip install 'alexnet-workbench[attribution]'"
        ) from error
    return captum.attr
