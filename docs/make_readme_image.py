"""docs/images/overview.png: learned kernels, a feature map and mistakes, from a training on drawn images.

    python docs/make_readme_image.py              draws practice images, trains (some minutes), and composes
    python docs/make_readme_image.py --run RUN    takes a finished run on such images instead

The three parts are the library's own figures, pasted below each other; nothing is retouched.
"""

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import alexnet
from alexnet.files import write_whole
from alexnet.inspection.kernel_structure import kernel_structure
from alexnet.practice.soccer import draw_soccer_images

TARGET = Path(__file__).parent / "images" / "overview.png"

WIDTH = 1000
"""Of the image, px."""

GAP = 12
"""Between two parts, px."""

NUM_KERNELS, NUM_MISTAKES = 32, 6

LARGEST = 300_000
"""Of the file, bytes."""


def train_on_drawn_images(folder: Path) -> alexnet.Run:
    """A run of preset `fast` on the practice images."""
    draw_soccer_images(folder / "practice", num_train=5000, num_test=1200, seed=0)
    return alexnet.train(folder / "practice", alexnet.PRESETS["fast"], out=folder / "soccer")


def clearest_kernels(run: alexnet.Run) -> list[int]:
    """The kernels of conv1 with the most structure, in their own order."""
    structure = kernel_structure(alexnet.kernels(run).weights)
    return sorted(int(number) for number in np.argsort(-structure)[:NUM_KERNELS])


def rendered(figure: Figure) -> Image.Image:
    """A figure as an image of `WIDTH` px, rendered at the resolution that gives it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=WIDTH / figure.get_figwidth(), facecolor="white", bbox_inches=None)
    return Image.open(buffer).convert("RGB")


def compose(run: alexnet.Run) -> Image.Image:
    """Kernels, maps and mistakes below each other."""
    data = Path(run.about.data.path)
    example = sorted((data / "test" / "ball").iterdir())[1]
    strongest = alexnet.feature_maps(run, example).strongest(1)
    parts = [
        rendered(run.draw_kernels(scale="own", chosen=clearest_kernels(run))),
        rendered(run.draw_feature_maps(example, chosen=strongest)),
        rendered(run.mistakes().draw(NUM_MISTAKES)),
    ]
    canvas = Image.new("RGB", (WIDTH, sum(part.height + GAP for part in parts)), "white")
    top = GAP
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height + GAP
    return canvas


def main() -> None:
    """Write the image.

    Raises:
        ValueError: it is larger than `LARGEST`.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path, help="a finished run on the practice images")
    chosen = parser.parse_args().run
    with tempfile.TemporaryDirectory() as scratch:
        run = alexnet.open_run(chosen) if chosen else train_on_drawn_images(Path(scratch))
        image = compose(run)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > LARGEST:
        raise ValueError(f"the image has {buffer.tell():,} bytes; show fewer kernels or mistakes")
    write_whole(TARGET, lambda beside: beside.write_bytes(buffer.getvalue()))
    print(f"{TARGET}: {image.width} x {image.height} px, {buffer.tell():,} bytes")


if __name__ == "__main__":
    main()
