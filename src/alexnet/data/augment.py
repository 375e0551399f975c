"""Random changes of training images: crops, mirroring, rotation, color; a batch at a time, on its device."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from alexnet.batch_part import BatchPart
from alexnet.data.batches import send
from alexnet.data.decode import normalize
from alexnet.data.resample import resample
from alexnet.data.statistics import PrincipalColors
from alexnet.recipe import Recipe
from alexnet.records import Preprocessing

__all__ = ["Augmentation", "augment"]


@dataclass(frozen=True)
class Augmentation:
    """Which random changes are made and how strong they are; the fields are those of the recipe."""

    flip: bool = True
    crop_scale: float = 1.0
    crop_ratio: float = 1.0
    rotation: float = 0.0
    color: float = 0.0
    crop_last_offset: bool = True
    crop_group: int = 1
    pca_color: float = 0.0
    pca_form: str = "eigenvalue"
    pca_rescale: bool = False

    @classmethod
    def of(cls, recipe: Recipe) -> "Augmentation":
        """The recipe's augmentation."""
        return cls(**{name: getattr(recipe, name) for name in cls.__dataclass_fields__})

    @property
    def resamples(self) -> bool:
        """Whether images are cropped or rotated, not only mirrored."""
        return self.crop_scale < 1.0 or self.crop_ratio > 1.0 or self.rotation > 0.0


def augment(
    pixels: UInt8[Tensor, "N S S 3"],
    augmentation: Augmentation,
    preprocessing: Preprocessing,
    *,
    size: int,
    generator: torch.Generator,
    colors: PrincipalColors | None = None,
    mean_image: Tensor | None = None,
    part: BatchPart | None = None,
) -> Float[Tensor, "N 3 R R"]:
    """The network's input of training images, changed at random and `size` px on a side.

    If images were decoded to a larger square, a crop of the network's size is first cut from each at a random
    place.

    Each image keeps a random part of its area (from `crop_scale` to all, width to height changed by up to
    `crop_ratio`), is mirrored half of the time, and rotated by up to `rotation` degrees, all in one bilinear
    resampling. Color of strength c shifts brightness by up to 100 c gray levels, and scales contrast by
    1 ± 1.5 c and saturation by 1 ± 2 c.

    Args:
        pixels: uint8 [N, S, S, 3], 0 to 255.
        size: side of the result, px.
        generator: a CPU generator; the result depends on its seed alone.
        colors: principal colors to shift along; None shifts nothing.
        mean_image: the mean image that the network will subtract; used with `pca_rescale` only.
        part: the part of a batch that `pixels` is; None for a whole batch.

    Returns:
        Normalized float32 images on the device of `pixels`, channels-last in memory.
    """
    draws = _Draws(part or BatchPart.of(0, 1, len(pixels)), generator)
    if pixels.shape[1] > preprocessing.size:
        pixels = _cut(pixels, augmentation, preprocessing.size, draws)
    side = pixels.shape[1]
    mirrored = torch.zeros(len(pixels), dtype=torch.bool)
    if augmentation.flip:
        mirrored = draws.uniform(0.0, 1.0, group=augmentation.crop_group) < 0.5
    if not augmentation.resamples and size == side:
        x = normalize(_mirror(pixels, mirrored) if augmentation.flip else pixels, preprocessing)
    else:
        x = normalize(resample(pixels, _affine(augmentation, mirrored, draws), size), preprocessing)
    if augmentation.color > 0.0:
        x = _change_color(x, augmentation.color, preprocessing, draws)
    if augmentation.pca_color > 0.0 and colors is not None:
        x = _shift_along(x, augmentation, colors, preprocessing, draws, mean_image)
    return x


@dataclass(frozen=True)
class _Draws:
    """Random numbers for every image of a part, drawn for the whole batch."""

    part: BatchPart
    generator: torch.Generator

    def uniform(self, low: float, high: float, *, group: int = 1) -> Tensor:
        """A number between low and high for each image, [n]; neighbors of a group share it."""
        values = torch.empty(self.part.whole).uniform_(low, high, generator=self.generator)
        return self._own(values, group)

    def places(self, room: int, *, group: int) -> Tensor:
        """Two whole numbers below `room` for each image, [n, 2]; neighbors of a group share them."""
        return self._own(torch.randint(0, room, (self.part.whole, 2), generator=self.generator), group)

    def color_shifts(self, augmentation: Augmentation, colors: PrincipalColors) -> Tensor:
        """A shift along the principal colors for each image, [n, 3]."""
        shifts = colors.shifts(self.part.whole, augmentation.pca_color, augmentation.pca_form, self.generator)
        return shifts[self.part.places]

    def _own(self, values: Tensor, group: int) -> Tensor:
        if group > 1:
            values = values[torch.arange(len(values)) // group * group]
        return values[self.part.places]


def _mirror(pixels: Tensor, mirrored: Tensor) -> Tensor:
    """The images, some of them mirrored."""
    if pixels.device.type == "cpu":  # copying whole images takes half the time of choosing pixels
        places = mirrored.nonzero().view(-1)
        return pixels.index_copy(0, places, pixels.index_select(0, places).flip(2))
    return torch.where(send(mirrored, pixels.device).view(-1, 1, 1, 1), pixels.flip(2), pixels)


def _cut(pixels: Tensor, augmentation: Augmentation, size: int, draws: _Draws) -> Tensor:
    """A crop of `size` px of each image, at a random place; neighbors of a group share it."""
    room = pixels.shape[1] - size + int(augmentation.crop_last_offset)
    places = draws.places(room, group=augmentation.crop_group)
    return _squares_at_once(pixels, places, size) if pixels.is_cuda else _squares(pixels, places, size)


def _squares(pixels: Tensor, places: Tensor, size: int) -> Tensor:
    """The square at (top, left) of each image, one by one: fastest on a CPU."""
    cut = torch.empty(len(pixels), size, size, 3, dtype=pixels.dtype, device=pixels.device)
    for row, (top, left) in enumerate(places.tolist()):
        cut[row] = pixels[row, top : top + size, left : left + size]
    return cut


def _squares_at_once(pixels: Tensor, places: Tensor, size: int) -> Tensor:
    """The same in one operation: fastest on a GPU."""
    rows, columns = send(places[:, :, None] + torch.arange(size), pixels.device).unbind(1)
    every = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    return pixels[every, rows[:, :, None], columns[:, None, :]]


def _shift_along(
    x: Tensor,
    augmentation: Augmentation,
    colors: PrincipalColors,
    preprocessing: Preprocessing,
    draws: _Draws,
    mean_image: Tensor | None,
) -> Tensor:
    """Shift each image along the principal colors, in place; with `pca_rescale`, scale it down afterwards."""
    shifts = draws.color_shifts(augmentation, colors)
    if preprocessing.channels == "BGR":
        shifts = shifts.flip(1)
    x.add_(send(shifts / torch.tensor(preprocessing.std), x.device).view(-1, 3, 1, 1))
    if augmentation.pca_rescale:
        if mean_image is not None:  # the network subtracts it later, and only the difference is scaled
            x.add_(mean_image, alpha=augmentation.pca_color)
        x.div_(1.0 + augmentation.pca_color)
    return x


def _affine(augmentation: Augmentation, mirrored: Tensor, draws: _Draws) -> Float[Tensor, "N 2 3"]:
    """From output to input coordinates, both -1 ... 1."""
    uniform = draws.uniform
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


def _change_color(x: Tensor, strength: float, preprocessing: Preprocessing, draws: _Draws) -> Tensor:
    """Brightness, contrast and saturation of normalized images, in place."""

    def uniform(spread: float, center: float) -> Tensor:
        return send(draws.uniform(center - spread, center + spread).view(-1, 1, 1, 1), x.device)

    std = sum(preprocessing.std) / 3
    saturation, contrast = uniform(2.0 * strength, 1.0), uniform(1.5 * strength, 1.0)
    brightness = uniform(100.0 * strength / std, 0.0)
    sums = (x[:, :1] + x[:, 1:2]).add_(x[:, 2:])
    mean = sums.mean((2, 3), keepdim=True).div_(3)
    # saturation s: gray + s (x - gray), whose mean is that of gray; then contrast c: mean + c (that - mean)
    shift = sums.mul_((1.0 - saturation) * contrast / 3).add_(mean.mul_(1.0 - contrast).add_(brightness))
    return x.mul_(saturation * contrast).add_(shift)
