"""A kernel of the gallery applied to an image: the numbers, the figure, and the files."""

import base64
import html
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from alexnet.convolution.fast import convolve2d
from alexnet.convolution.gallery import Kernel, read_kernel
from alexnet.convolution.layout import Array, Border, Operation, Size, check_image, without_single_axis
from alexnet.convolution.raw_file import write_raw
from alexnet.convolution.read_image import read_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Filtered", "apply_kernel"]


@dataclass(frozen=True, eq=False)
class Filtered:
    """An image, a kernel, and the result of applying one to the other. Displays itself in a notebook.

    values: the result. name: of the image.

    >>> filtered = apply_kernel([[0, 0, 0], [0, 1, 0], [0, 0, 0]], "1 2 3; 4 5 6; 7 8 9", border="zero")
    >>> filtered.values.tolist(), filtered.span
    ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], (1.0, 9.0))
    """

    image: Array
    kernel: Kernel
    values: Array
    size: Size
    border: Border
    operation: Operation
    name: str = "image"

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value of the result."""
        return float(self.values.min()), float(self.values.max())

    @property
    def scale(self) -> tuple[float, float, str]:
        """The values shown darkest and brightest, and the scale in words; symmetric if the result is signed."""
        low, high = self.span
        if self.kernel.combine == "angle":
            return -180.0, 180.0, "angles from -180 to 180 degrees"
        if self.kernel.is_signed or -low > high:
            limit = max(abs(low), abs(high)) or 1.0
            return -limit, limit, f"signed, symmetric scale ±{limit:.4g}, gray is 0"
        kind = self.image.dtype
        top = float(np.iinfo(kind).max) if kind.kind == "u" and kind.itemsize <= 2 else max(high, 0.0) or 1.0
        if self.kernel.combine == "magnitude" or high > 4 * top:
            top = high or 1.0
        clipped = f"; clipped there, the values run from {low:.4g} to {high:.4g}" if low < 0 or high > top else ""
        return 0.0, top, f"scale 0 to {top:.4g}{clipped}"

    @property
    def settings(self) -> str:
        """Operation, size and border in words."""
        border = "no border" if self.size == "valid" else f"border {self.border}"
        return f"{self.operation}, size {self.size}, {border}"

    def to_pixels(self) -> npt.NDArray[np.uint8]:
        """The result as it is shown, uint8."""
        return to_pixels(self.values, self.scale[0], self.scale[1])

    def to_dict(self) -> dict[str, Any]:
        """What was done and the range of the result, as plain data; without the result itself."""
        low, high = self.span
        return {
            "kernel": self.kernel.name,
            "operation": self.operation,
            "size": self.size,
            "border": self.border,
            "shape": list(self.values.shape),
            "dtype": str(self.values.dtype),
            "smallest": low,
            "largest": high,
        }

    def draw(self) -> "Figure":
        """Image, kernel and result side by side."""
        from alexnet.figures.convolution import Panels, draw_panels

        low, high, words = self.scale
        is_signed = low < 0 and self.kernel.combine != "angle"
        if is_signed and self.values.ndim == 2:
            words = words.replace("gray is 0", "white is 0, blue below, red above")
        flip = "kernel flipped" if self.operation == "convolution" else "kernel not flipped"
        panels = Panels(
            image=self.image,
            span=self._image_span,
            kernel=self.kernel.weights,
            result=self.values,
            scale=(low, high),
            title=f"{self.kernel.name} applied to {self.name}: {self.settings} ({flip})",
            kernel_caption=self.kernel.facts(),
            result_caption=words,
            signed=is_signed,
            cyclic=self.kernel.combine == "angle",
            partner=self.kernel.partner,
        )
        return draw_panels(panels)

    def write_raw(self, path: Path | str) -> str:
        """Write the numbers and nothing else; returns how they were changed, "" if not at all.

        Args:
            path: .npy (as they are), .png (8 or 16 bits) or .tif (floats).

        Raises:
            DataError: the values do not fit into the format, or the file cannot be written.
        """
        return write_raw(self.values, path)

    @property
    def _image_span(self) -> tuple[float, float]:
        image = self.image
        return (0.0, 255.0) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))

    def _repr_html_(self) -> str:
        before, after = to_pixels(self.image, *self._image_span), self.to_pixels()
        caption = html.escape(f"{self.settings}; {self.scale[2]}")
        return (
            "<div style='display:flex;gap:1em;align-items:center;flex-wrap:wrap'>"
            f"{_image_tag(before)}<div>{self.kernel._repr_html_()}</div>{_image_tag(after)}</div>{caption}"
        )


def to_pixels(values: Array, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Values from low ... high as 0 ... 255, clipped."""
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / max(high - low, 1e-30))
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)


def _image_tag(pixels: npt.NDArray[np.uint8], most: int = 320) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((most, most))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    width = max(image.width, min(most, 16 * image.width))
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"<img width='{width}' style='image-rendering:pixelated' src='data:image/png;base64,{data}'>"


def apply_kernel(
    image: npt.ArrayLike | Path | str,
    kernel: Kernel | str,
    *,
    size: Size = "same",
    border: Border = "reflect",
    operation: Operation = "convolution",
    gray: bool = False,
) -> Filtered:
    """Apply a kernel to an image; the results of a pair of kernels are combined.

        magnitude = sqrt(Ox² + Oy²)        angle = atan2(Gy, Gx), degrees, G towards the brighter side

    Args:
        image: [H, W], [H, W, 1] or [H, W, 3], or a file as `read_image` takes it.
        kernel: a kernel, or text as `read_kernel` takes it: a name, numbers, or a file.
        size, border, operation: as in `convolve2d`.
        gray: convert a color image file to gray first.

    Raises:
        AlexNetError: as `read_image`, `read_kernel` and `convolve2d`.

    >>> apply_kernel([[0, 0, 9, 9]] * 4, "sobel-x", operation="correlation", size="valid").values.tolist()
    [[36, 36], [36, 36]]
    """
    kernel = read_kernel(kernel) if isinstance(kernel, str) else kernel
    is_file = isinstance(image, Path | str)
    name = Path(image).stem if is_file else "image"  # type: ignore[arg-type]
    read = read_image(image, gray=gray) if is_file else check_image(image)  # type: ignore[arg-type]
    values = without_single_axis(read)

    def run(weights: Array) -> Array:
        return convolve2d(values, weights, size=size, border=border, operation=operation)

    if kernel.partner is None:
        return Filtered(values, kernel, run(kernel.weights), size, border, operation, name)
    across, down = run(kernel.weights.astype(float)), run(kernel.partner.astype(float))
    if kernel.combine == "magnitude":
        return Filtered(values, kernel, np.hypot(across, down, out=across), size, border, operation, name)
    sign = -1.0 if operation == "convolution" else 1.0  # the flip turns the kernels around
    angle = np.degrees(np.arctan2(sign * down, sign * across))
    return Filtered(values, kernel, angle, size, border, operation, name)
