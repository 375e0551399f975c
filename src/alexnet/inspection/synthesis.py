"""An image made for a unit by gradient ascent: not an image of the data, but what the unit would like best."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from alexnet.errors import GeometryError
from alexnet.inspection.network_layers import find_layer
from alexnet.inspection.receptive_field import StopForward, receptive_boxes
from alexnet.inspection.recording import preserved
from alexnet.inspection.unit_address import UnitAddress
from alexnet.model.checkpoint import Classifier
from alexnet.records import Record

__all__ = ["SynthesizedImage", "synthesize"]

NUM_STEPS = 256
"""Steps of gradient ascent."""

RATE = 0.05
"""Learning rate of Adam, which moves the spectrum."""

JITTER = 4
"""Largest shift of the image in px in each step, so that no detail depends on single pixels."""


@dataclass(frozen=True, eq=False)
class SynthesizedImage(Record):
    """An image made by gradient ascent on a unit's activation in the middle of its map.

    image: uint8 [h, w, 3], cut to the receptive field. start, activation: of the unit, before and after. num_steps:
    of the ascent.
    """

    image: UInt8[np.ndarray, "h w 3"]
    start: float
    activation: float
    num_steps: int

    def to_dict(self) -> dict[str, object]:
        """As plain data, without the pixels."""
        return {"start": self.start, "activation": self.activation, "num_steps": self.num_steps}


def synthesize(
    classifier: Classifier, address: UnitAddress | str, *, num_steps: int = NUM_STEPS, seed: int = 0
) -> SynthesizedImage:
    """Make an image that excites a unit, from noise, by gradient ascent; the network is preserved.

    The image is a sum of waves (Fourier parameters, so that no frequency is favored by its size), kept within 0 to
    255 by a sigmoid, and shifted a little in each step.

    Args:
        num_steps: of the ascent, >= 1.
        seed: of the noise and the shifts.

    Raises:
        GeometryError: there is no such layer or unit.

    Source: Olah, Mordvintsev & Schubert 2017, doi:10.23915/distill.00007.
    """
    address = UnitAddress.parse(address)
    network, preprocessing = classifier.network, classifier.preprocessing
    module, size = find_layer(network, address.layer), preprocessing.size
    boxes = receptive_boxes(network, address.layer, size)
    middle = (len(boxes.rows) // 2) * len(boxes.columns) + len(boxes.columns) // 2
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    spectrum = (0.01 * torch.randn(3, size, size // 2 + 1, 2, generator=generator)).to(device).requires_grad_()
    optimizer = torch.optim.Adam([spectrum], lr=RATE)
    activations: list[float] = []
    with preserved(network), torch.enable_grad():
        network.eval().requires_grad_(False)
        for _ in range(num_steps + 1):
            image = _image(spectrum, size)
            shift = torch.randint(-JITTER, JITTER + 1, (2,), generator=generator).tolist()
            shifted = image.roll(shift, (1, 2)) if len(activations) < num_steps else image
            value = _activation(network, module, _normalized(shifted, classifier), address, middle)
            activations.append(float(value.detach()))
            if len(activations) <= num_steps:
                optimizer.zero_grad()
                (-value).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    pixels = (255 * _image(spectrum, size)).round().byte().permute(1, 2, 0).cpu().numpy()
    box = boxes.box(middle)
    cut = pixels[slice(*box.read_rows), slice(*box.read_columns)]
    return SynthesizedImage(cut, activations[0], activations[-1], num_steps)


def _image(spectrum: Float[Tensor, "3 S F 2"], size: int) -> Float[Tensor, "3 S S"]:
    """The image 0 ... 1 of a spectrum; each wave is scaled by one over its frequency, as in photographs."""
    down, across = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    scale = 1.0 / torch.clamp(torch.sqrt(down**2 + across**2), min=1.0 / size)
    waves = torch.view_as_complex(spectrum.contiguous()) * (scale / math.sqrt(size)).to(spectrum.device)
    return torch.sigmoid(torch.fft.irfft2(waves, s=(size, size)) * size)


def _normalized(image: Tensor, classifier: Classifier) -> Tensor:
    """The network's input of an image 0 ... 1 in RGB, differentiable."""
    preprocessing = classifier.preprocessing
    mean, std = (torch.tensor(v, device=image.device).view(3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    pixels = 255 * (image.flip(0) if preprocessing.channels == "BGR" else image)
    return ((pixels - mean) / std)[None]


def _activation(network: nn.Module, module: nn.Module, x: Tensor, address: UnitAddress, place: int) -> Tensor:
    """The output of a unit at a place of its flattened map, or its only one."""
    values: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        address.require_below(output.shape[1])
        maps = output[0].flatten(1) if output.ndim > 2 else output[0][:, None]
        values.append(maps[address.number, place if output.ndim > 2 else 0])
        raise StopForward

    handle = module.register_forward_hook(hook)
    try:
        network(x)
    except StopForward:
        pass
    finally:
        handle.remove()
    if not values:
        raise GeometryError(f"layer {address.layer}: does not run in a forward pass; choose another one")
    return values[0]
