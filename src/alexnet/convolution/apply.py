"""A kernel of the gallery applied to an image, and the result to look at."""

import base64
import html
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from alexnet.convolution.fast import convolve2d
from alexnet.convolution.gallery import Kernel, read_kernel
from alexnet.convolution.layout import Array, Border, Operation, Size, check_image

__all__ = ["Filtered", "apply_kernel"]


@dataclass(frozen=True, eq=False)
class Filtered:
    """What a kernel made of an image, with all that was chosen. Draws itself in a notebook."""

    image: Array
    kernel: Kernel
    values: Array
    size: Size
    border: Border
    operation: Operation

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return float(self.values.min()), float(self.values.max())

    @property
    def scale(self) -> tuple[float, float, str]:
        """The values shown as darkest and brightest, and the words for it: symmetric where the result is signed."""
        low, high = self.span
        if self.kernel.combine == "angle":
            return -180.0, 180.0, "angles from -180 to 180 degrees"
        if self.kernel.is_signed or -low > high:
            limit = max(abs(low), abs(high)) or 1.0
            return -limit, limit, f"signed, symmetric scale ±{limit:.4g}, grey is 0"
        kind = self.image.dtype
        top = float(np.iinfo(kind).max) if kind.kind == "u" and kind.itemsize <= 2 else max(high, 0.0) or 1.0
        if self.kernel.combine == "magnitude" or high > 4 * top:
            top = high or 1.0
        cut = f"; values from {low:.4g} to {high:.4g} are cut off there" if low < 0 or high > top else ""
        return 0.0, top, f"scale 0 to {top:.4g}{cut}"

    def to_pixels(self) -> npt.NDArray[np.uint8]:
        """The result as shown, uint8."""
        return to_pixels(self.values, self.scale[0], self.scale[1])

    def _repr_html_(self) -> str:
        low, high = (
            (0.0, 255.0) if self.image.dtype == np.uint8 else (float(self.image.min()), float(self.image.max()))
        )
        before, after = to_pixels(self.image, low, high), self.to_pixels()
        said = f"{self.operation}, {self.size}, border {self.border}; {self.scale[2]}"
        return (
            "<div style='display:flex;gap:1em;align-items:center;flex-wrap:wrap'>"
            f"{_image(before)}<div>{self.kernel._repr_html_()}</div>{_image(after)}</div>{html.escape(said)}"
        )


def to_pixels(values: Array, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Values from low ... high as 0 ... 255, those beyond cut off."""
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / max(high - low, 1e-30))
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)


def _image(pixels: npt.NDArray[np.uint8], most: int = 320) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((most, most))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    width = max(image.width, min(most, 16 * image.width))
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"<img width='{width}' style='image-rendering:pixelated' src='data:image/png;base64,{data}'>"


def apply_kernel(
    image: npt.ArrayLike,
    kernel: Kernel | str,
    *,
    size: Size = "same",
    border: Border = "reflect",
    operation: Operation = "convolution",
) -> Filtered:
    """Apply a kernel, or the name of one, to an image; of a pair, combine both results.

        magnitude = sqrt(Ox² + Oy²)        angle = atan2(Gy, Gx), degrees, G towards the brighter side

    Raises:
        AlexNetError: as `read_kernel` and `convolve2d`.
    """
    kernel = read_kernel(kernel) if isinstance(kernel, str) else kernel
    values = check_image(image)

    def run(image: Array, weights: Array) -> Array:
        return convolve2d(image, weights, size=size, border=border, operation=operation)

    if kernel.partner is None:
        return Filtered(values, kernel, run(values, kernel.weights), size, border, operation)
    across, down = run(values, kernel.weights.astype(float)), run(values, kernel.partner.astype(float))
    if kernel.combine == "magnitude":
        return Filtered(values, kernel, np.hypot(across, down, out=across), size, border, operation)
    sign = -1.0 if operation == "convolution" else 1.0  # the flip turns the kernels around
    angle = np.degrees(np.arctan2(sign * down, sign * across))
    return Filtered(values, kernel, angle, size, border, operation)
