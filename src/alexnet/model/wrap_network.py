"""Any torch module that classifies images, with what is needed to look inside it."""

from collections.abc import Sequence

import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.model.checkpoint import Classifier
from alexnet.records import Preprocessing

__all__ = ["wrap_network"]

Color = tuple[float, float, float]

IMAGENET_MEAN: Color = (123.675, 116.28, 103.53)  # 255 times (0.485, 0.456, 0.406)
IMAGENET_STD: Color = (58.395, 57.12, 57.375)  # 255 times (0.229, 0.224, 0.225)


def wrap_network(
    network: nn.Module,
    classes: Sequence[str],
    *,
    size: int = 224,
    resize: str = "squash",
    mean: Color = IMAGENET_MEAN,
    std: Color = IMAGENET_STD,
) -> Classifier:
    """Wrap a module that gives logits [N, K] for images [N, 3, size, size], so that one can look inside it.

    The result goes where a run goes: into `explain`, `features`, `neighbours`, `map_images`, `unit`, `inside`,
    `edit`, `ablate`, `calibrate` and `mistakes`, with a folder of images as `data`, and into `kernels` and
    `kernel_statistics`. Layers are named as in `named_modules`. The module is not copied; looking inside leaves it
    unchanged.

    Args:
        network: ends in one logit for each class.
        classes: names, in the order of the logits.
        size: side of the images, px, 1 to 4096.
        resize: how an image becomes a square: `squash`, or `crop` for its center.
        mean, std: by channel, RGB, on the scale 0-255; ImageNet's by default.

    Raises:
        GeometryError: there is no class, the size is out of range, or the weights are not float32.

    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 8), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> wrapped = wrap_network(module, ["across", "down"], size=32)
    >>> alexnet.predict(wrapped, "photo.jpg")[0].predicted in ("across", "down")
    True
    """
    if not classes:
        raise GeometryError("no classes: name one for each logit of the network")
    if not 1 <= size <= 4096:
        raise GeometryError(f"size = {size}: choose 1 to 4096 px")
    dtype = next((weight.dtype for weight in network.parameters() if weight.is_floating_point()), torch.float32)
    if dtype != torch.float32:
        raise GeometryError(f"weights in {dtype}: images are float32; wrap `network.float()`, or a copy of it")
    return Classifier(network, tuple(classes), Preprocessing(size, resize, False, "RGB", mean, std))
