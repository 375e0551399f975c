"""What a training picture may suffer: crops, mirroring, rotation, colour; a batch at a time, on its device."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from alexnet.data.decode import normalize
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing

__all__ = ["Augmentation", "augment"]


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made at random, and how strong they are; the fields are the recipe's."""

    flip: bool = True
    crop_scale: float = 1.0
    crop_ratio: float = 1.0
    rotation: float = 0.0
    color: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe) -> "Augmentation":
        """The recipe's augmentation."""
        return cls(recipe.flip, recipe.crop_scale, recipe.crop_ratio, recipe.rotation, recipe.color)

    @property
    def resamples(self) -> bool:
        """Whether pictures are cropped or turned, not only mirrored."""
        return self.crop_scale < 1.0 or self.crop_ratio > 1.0 or self.rotation > 0.0


def augment(
    pixels: UInt8[Tensor, "N S S 3"],
    augmentation: Augmentation,
    preprocessing: Preprocessing,
    *,
    size: int,
    generator: torch.Generator,
) -> Float[Tensor, "N 3 R R"]:
    """The network's input of training pictures, changed at random and `size` px on a side.

    Each picture keeps a random part of its area (from `crop_scale` to all, width to height changed by up to
    `crop_ratio`), is mirrored half of the time, and turned by up to `rotation` degrees, all in one bilinear
    resampling. Colour of strength c shifts brightness by up to 100 c grey levels, and scales contrast by
    1 ± 1.5 c and saturation by 1 ± 2 c.

    Args:
        generator: a CPU generator; the result depends on its seed alone.

    Returns:
        Normalized float32 pictures on the device of `pixels`, channels-last in memory.
    """
    count, side = len(pixels), pixels.shape[1]
    mirrored = (
        torch.rand(count, generator=generator) < 0.5 if augmentation.flip else torch.zeros(count, dtype=torch.bool)
    )
    if not augmentation.resamples and size == side:
        chosen = mirrored.to(pixels.device).view(-1, 1, 1, 1)
        pixels = torch.where(chosen, pixels.flip(2), pixels) if augmentation.flip else pixels
        x = normalize(pixels, preprocessing)
    else:
        matrices = _affine(augmentation, mirrored, generator).to(pixels.device)
        x = normalize(pixels, preprocessing).contiguous()
        grid = F.affine_grid(matrices, [count, 3, size, size], align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    if augmentation.color > 0.0:
        x = _change_color(x, augmentation.color, preprocessing, generator)
    return x.contiguous(memory_format=torch.channels_last)


def _affine(augmentation: Augmentation, mirrored: Tensor, generator: torch.Generator) -> Float[Tensor, "N 2 3"]:
    """From output to input coordinates, both -1 ... 1."""
    count = len(mirrored)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    area = uniform(augmentation.crop_scale, 1.0)
    ratio = uniform(-math.log(augmentation.crop_ratio), math.log(augmentation.crop_ratio)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1.0), (area / ratio).sqrt().clamp(max=1.0)
    angle = uniform(-augmentation.rotation, augmentation.rotation) * (math.pi / 180)
    sign = torch.where(mirrored, -1.0, 1.0)
    rows = [
        torch.stack([width * sign * angle.cos(), -width * angle.sin(), uniform(-1.0, 1.0) * (1 - width)], 1),
        torch.stack([height * sign * angle.sin(), height * angle.cos(), uniform(-1.0, 1.0) * (1 - height)], 1),
    ]
    return torch.stack(rows, 1)


def _change_color(x: Tensor, strength: float, preprocessing: Preprocessing, generator: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation of normalized pictures, in place."""

    def uniform(spread: float, centre: float) -> Tensor:
        numbers = torch.empty(len(x), 1, 1, 1).uniform_(centre - spread, centre + spread, generator=generator)
        return numbers.to(x.device)

    deviation = sum(preprocessing.deviation) / 3
    saturation, contrast = uniform(2.0 * strength, 1.0), uniform(1.5 * strength, 1.0)
    brightness = uniform(100.0 * strength / deviation, 0.0)
    grey = x.mean(1, keepdim=True)
    x = torch.lerp(grey.expand_as(x), x, saturation)
    mean = grey.mean((2, 3), keepdim=True)
    return x.sub_(mean).mul_(contrast).add_(mean + brightness)
