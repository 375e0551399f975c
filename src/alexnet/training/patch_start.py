"""The first layer of a new network from patches of the training images."""

import numpy as np
import torch
from torch import Tensor, nn

from alexnet.data.decode import PixelRows, normalize
from alexnet.data.split import Indices
from alexnet.model.alexnet import AlexNet
from alexnet.model.patch_kernels import PatchKernels, patch_kernels
from alexnet.records import Preprocessing
from alexnet.training.kernel_cache import KernelCache

__all__ = ["initialize_from_patches", "sample_patches"]

MOST_IMAGES = 4096
"""Images, drawn at random from the training set, that patches are cut from."""

NUM_PATCHES = 40_000
"""Patches cut from them: 58 MB for 11 x 11 px in three channels, whatever the number of images."""

VARIANCE_OFFSET = 10.0
"""Added to a patch's variance, in gray levels squared; Coates & Ng 2012, §2.1."""

HE_NORM = 2.0**0.5
"""Norm of a kernel whose weights are N(0, 2 / fan_in), for inputs of mean square 1; He et al. 2015."""


def initialize_from_patches(
    network: AlexNet,
    pixels: PixelRows,
    rows: Indices,
    preprocessing: Preprocessing,
    *,
    seed: int,
    cache: KernelCache | None = None,
) -> str | None:
    """Replace the kernels of conv1 by those that patches of the training images suggest.

    All kernels get the norm that He's initialization gives them, divided by the root mean square of the network's
    input, so that inputs on the raw scale of 0 to 255 do not drive the layers after them any harder. Where the
    patches show fewer different things than there are kernels, the kernels left over keep their random directions.

    Args:
        network: initialized, on the CPU, with its mean image where it has one.
        pixels: all decoded images, uint8 [N, S, S, 3].
        rows: the training images among them.
        preprocessing: how the network sees them.
        seed: the kernels depend on it and on the images alone.
        cache: where the kernels are kept, so that the next training of these images does not look for them again.

    Returns:
        A note for the user where some kernels keep their random start, else None.

    Source: see `patch_kernels`.
    """
    conv1 = network["conv1"]
    assert isinstance(conv1, nn.Conv2d)

    def choose() -> tuple[PatchKernels, Tensor]:
        patches = sample_patches(network, pixels, rows, preprocessing, kernel_size=conv1.kernel_size[0], seed=seed)
        gray_level = float(np.sqrt(np.mean(np.square(preprocessing.std))))
        offset = VARIANCE_OFFSET / max(gray_level, 1.0) ** 2
        chosen = patch_kernels(patches, conv1.out_channels, seed=seed, variance_offset=offset)
        return chosen, patches.square().mean().sqrt().clamp(min=1e-3)

    numbers = [seed, conv1.weight.shape, MOST_IMAGES, NUM_PATCHES, VARIANCE_OFFSET]
    depends_on = [*numbers, preprocessing.to_dict(), rows.tobytes(), _mean_bytes(network)]
    chosen, root_mean_square = cache.kernels(depends_on, choose) if cache else choose()
    with torch.no_grad():
        random = nn.functional.normalize(conv1.weight.flatten(1), dim=1).view_as(conv1.weight)
        kernels = torch.where(chosen.is_distinct[:, None, None, None], chosen.weights, random)
        conv1.weight.copy_(kernels * (HE_NORM / float(root_mean_square)))
    if chosen.num_distinct == conv1.out_channels:
        return None
    left = conv1.out_channels - chosen.num_distinct
    return (
        f"the training images vary too little to choose all kernels of conv1 from their patches: {left} of "
        f"{conv1.out_channels} start at random"
    )


def _mean_bytes(network: AlexNet) -> bytes:
    return b"" if network.mean_image is None else network.mean_image.numpy().tobytes()


def sample_patches(
    network: AlexNet, pixels: PixelRows, rows: Indices, preprocessing: Preprocessing, *, kernel_size: int, seed: int
) -> Tensor:
    """Patches [n, 3, k, k] of the network's first input, at random places of random training images.

    n is `NUM_PATCHES`, or a few more so that every image gives as many; only the patches are read, in the order in
    which their images lie on the disk.
    """
    draw = np.random.default_rng([seed, kernel_size])
    images = np.sort(draw.permutation(rows)[:MOST_IMAGES])
    each = -(-NUM_PATCHES // len(images))
    places = draw.integers(0, preprocessing.size - kernel_size + 1, (len(images), each, 2))
    margin = (pixels.shape[1] - preprocessing.size) // 2
    cut = np.empty((len(images) * each, kernel_size, kernel_size, 3), np.uint8)
    for number, row in enumerate(images):
        image = pixels[row]
        for place, (top, left) in enumerate(places[number] + margin):
            cut[number * each + place] = image[top : top + kernel_size, left : left + kernel_size]
    patches = normalize(torch.from_numpy(cut), preprocessing).contiguous()
    if network.mean_image is not None:
        for patch, (top, left) in zip(patches, places.reshape(-1, 2), strict=True):
            patch -= network.mean_image[:, top : top + kernel_size, left : left + kernel_size]
    return patches
