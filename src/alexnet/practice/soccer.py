"""Practice images of a soccer field, drawn by the program: none of them is a photograph.

They follow the eight classes of a seminar on a humanoid soccer robot, so that everything in this workbench can be
tried without a camera and without a download. What a network learns from them holds for drawings only.
"""

import math
import multiprocessing
import os
import signal
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from alexnet.errors import DataError
from alexnet.files import shown_name
from alexnet.practice.new_folder import new_folder
from alexnet.practice.soccer_scene import Array, Camera, Field, aim_camera, paint_ground, through_lens
from alexnet.practice.soccer_shapes import Canvas, add_ball, add_foot, add_obstacle, add_post
from alexnet.progress_callback import Progress

__all__ = ["SOCCER_CLASSES", "draw_soccer_image", "draw_soccer_images"]

SOCCER_CLASSES: tuple[str, ...] = (
    "ball",
    "foot",
    "l_line",
    "obstacle",
    "penalty_mark",
    "post",
    "t_line",
    "x_line",
)

SPLITS = ("train", "test")
JPEG_QUALITY = 90
BATCH_SIZE = 25  # images that a process draws between two reports of progress
FAR = 8.0  # m, beyond what any image shows

# Length and half width of the shadow of an object, m.
SHADOWS = {"ball": (0.14, 0.1), "foot": (0.35, 0.09), "obstacle": (0.9, 0.25), "post": (1.2, 0.05)}


@dataclass(frozen=True)
class View:
    """Where the camera stands for a class.

    Attributes:
        coverage: smallest and largest width of the scene at the target, m.
        target: lowest and highest height of the target over the ground, m.
        elevation: lowest and highest angle of view against the ground, degrees.
    """

    coverage: tuple[float, float]
    target: tuple[float, float]
    elevation: tuple[float, float]


VIEWS = {
    "ball": View((0.28, 0.8), (0.06, 0.12), (8, 45)),
    "foot": View((0.42, 0.7), (0.06, 0.16), (12, 45)),
    "l_line": View((0.55, 1.15), (0.0, 0.0), (25, 60)),
    "obstacle": View((0.8, 1.6), (0.4, 0.7), (4, 28)),
    "penalty_mark": View((0.4, 0.8), (0.0, 0.0), (22, 60)),
    "post": View((0.6, 1.5), (0.1, 0.5), (5, 35)),
    "t_line": View((0.55, 1.15), (0.0, 0.0), (25, 60)),
    "x_line": View((0.55, 1.15), (0.0, 0.0), (25, 60)),
}


def _stripe(start: Array, end: Array, width: float) -> Array:
    """A painted line on the ground as a quad, 4 × 2, m."""
    along = (end - start) / np.hypot(*(end - start))
    half = np.array([-along[1], along[0]]) * width / 2
    return np.stack([start + half, end + half, end - half, start - half]).astype(np.float32)


def _ray(angle: float, start: float, end: float, width: float) -> Array:
    """A painted line through the target, from one distance to another, m."""
    along = np.array([math.cos(angle), math.sin(angle)])
    return _stripe(along * start, along * end, width)


def _disc(x: float, y: float, radius: float) -> Array:
    angles = np.linspace(0.0, 2 * math.pi, 24, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).astype(np.float32)


def _circle(radius: float, turn: float, width: float) -> Array:
    """The center circle through the target as one polygon: once around outside, then back inside."""
    angles = np.linspace(0.0, 2 * math.pi, 49)[:, None] + turn
    around = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    rims: Array = np.concatenate([around * (radius + width / 2), around[::-1] * (radius - width / 2)])
    moved: Array = rims - radius * around[0]
    return moved


def _junction(rng: np.random.Generator, class_name: str, turn: float, width: float) -> list[Array]:
    """The lines of `l_line`, `t_line` or `x_line`, which meet at the target."""
    half, quarter = width / 2, math.pi / 2
    if class_name == "l_line":
        return [_ray(turn, -half, FAR, width), _ray(turn + quarter, -half, FAR, width)]
    if class_name == "t_line":
        return [_ray(turn, -FAR, FAR, width), _ray(turn + quarter, 0.0, FAR, width)]
    if rng.random() < 0.4:
        return [
            _ray(turn, -FAR, FAR, width),
            _circle(rng.uniform(0.75, 1.5), turn + rng.normal(0, 0.1), width),
        ]
    return [_ray(turn, -FAR, FAR, width), _ray(turn + quarter, -FAR, FAR, width)]


def _penalty_mark(rng: np.random.Generator, turn: float, width: float) -> list[Array]:
    """A penalty mark: a small cross, or a spot."""
    if rng.random() < 0.35:
        return [_disc(0.0, 0.0, rng.uniform(0.05, 0.1))]
    reach = rng.uniform(0.09, 0.14)
    return [_ray(turn + side, -reach, reach, width) for side in (0.0, math.pi / 2)]


def _passing_line(rng: np.random.Generator, angle: float, offset: float, width: float) -> Array:
    """A line that passes the target at a distance, m."""
    along, aside = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    start = -FAR if rng.random() < 0.8 else rng.uniform(-1.0, 1.0)
    return _stripe(aside * offset + along * start, aside * offset + along * FAR, width)


def _lines(rng: np.random.Generator, class_name: str, coverage: float, turn: float) -> list[Array]:
    """All painted lines of an image, polygons N × 2: those of the class, and distracting ones."""
    width = rng.uniform(0.04, 0.06)
    near = 0.36 * coverage
    if class_name in ("l_line", "t_line", "x_line"):
        paint = _junction(rng, class_name, turn, width)
        # Away from the corner's arms: a second line must not make another junction in the middle.
        extra = [(turn, -rng.uniform(near, 2.5 * near)), (turn + math.pi / 2, rng.uniform(near, 2.5 * near))]
        chosen = extra[int(rng.integers(2))] if class_name == "l_line" else extra[0]
        return [*paint, _passing_line(rng, *chosen, width)] if rng.random() < 0.25 else paint
    if class_name == "penalty_mark":
        paint = _penalty_mark(rng, turn, width)
        for _ in range(int(rng.integers(0, 2))):
            paint.append(_passing_line(rng, rng.uniform(0, 6.3), max(0.24, near) * rng.uniform(1.0, 2.0), width))
        return paint
    paint = []
    if class_name == "post" and rng.random() < 0.75:
        paint.append(_ray(turn, -FAR, FAR, width))
    for _ in range(int(rng.integers(0, 3))):
        angle = turn + rng.choice([0.0, math.pi / 2]) if rng.random() < 0.7 else rng.uniform(0, 6.3)
        paint.append(_passing_line(rng, angle, rng.uniform(-1.0, 1.0) * coverage, width))
    return paint


def _shadow(rng: np.random.Generator, class_name: str, lamp: Array) -> list[Array]:
    """The shadow that the target casts on the ground, polygons N × 2."""
    if class_name not in SHADOWS or rng.random() < 0.1:
        return []
    length, width = SHADOWS[class_name]
    away = -lamp[:2] / max(float(np.hypot(*lamp[:2])), 0.2)
    return [_disc(0.0, 0.0, width), _stripe(np.zeros(2), away * length * rng.uniform(0.6, 1.3), 1.6 * width)]


def _border(rng: np.random.Generator, class_name: str, coverage: float) -> tuple[float, float]:
    """Distance at which the turf ends behind the target, m, and the wall's angle, radians; a third has no wall."""
    if rng.random() < 0.35:
        return math.inf, 0.0
    nearest = 0.5 if class_name in ("ball", "foot", "post", "obstacle") else 0.35
    return nearest * coverage + float(rng.exponential(0.9)), rng.normal(0.0, 0.25)


def _bystanders(rng: np.random.Generator, camera: Camera, field: Field) -> list[tuple[float, float, str]]:
    """Objects near the edge of the image, as ground x, y in meters and kind; none beyond the turf."""
    objects = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.6, 0.32, 0.08]))):
        kind = str(rng.choice(["ball", "post", "obstacle"], p=[0.35, 0.25, 0.4]))
        across = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.56)
        down = rng.uniform(-0.35, 0.5)
        if kind == "ball" and rng.random() < 0.5:
            across, down = rng.uniform(-0.5, 0.5), rng.choice([-0.4, 0.46])
        spot = np.array([(0.5 + across) * camera.size, (0.5 + down) * camera.size], dtype=np.float32)
        x, y = camera.ground_at(spot[:1], spot[1:])
        if not float(y[0]) < min(field.border, 6.0):
            continue
        place = np.array([x[0], y[0], 0.0], dtype=np.float32)
        reach = {"ball": 0.09, "post": 0.06, "obstacle": 0.16}[kind] * camera.scale_at(place)
        if reach < (max(abs(across), abs(down)) - 0.22) * camera.size:  # the middle stays free
            objects.append((float(x[0]), float(y[0]), kind))
    return objects


def _add(rng: np.random.Generator, canvas: Canvas, kind: str, place: tuple[float, float], turn: float) -> None:
    if kind == "ball":
        add_ball(rng, canvas, place, rng.uniform(0.07, 0.11))
    elif kind == "post":
        add_post(rng, canvas, place, turn)
    elif kind == "obstacle":
        add_obstacle(rng, canvas, place)
    elif kind == "foot":
        add_foot(rng, canvas, place)


def _aim(rng: np.random.Generator, class_name: str, size: int) -> tuple[Camera, float]:
    """A camera for the class, and the width of the scene that it sees, m."""
    view = VIEWS[class_name]
    coverage = math.exp(rng.uniform(*np.log(view.coverage)))
    target = rng.uniform(*view.target)
    return aim_camera(rng, size, coverage=coverage, target_height=target, elevation=view.elevation), coverage


def draw_soccer_image(class_name: str, rng: np.random.Generator, *, size: int = 96) -> Image.Image:
    """A drawing, not a photograph, of one class of the soccer field, seen through an imperfect camera.

    Args:
        class_name: one of `SOCCER_CLASSES`.
        rng: source of everything random; the same state gives the same image.
        size: side of the image, px, >= 16.

    Returns:
        An RGB image, size × size px.

    Raises:
        DataError: the class is unknown, or the image is smaller than 16 px.

    >>> draw_soccer_image("ball", np.random.default_rng(0)).size
    (96, 96)
    """
    if class_name not in SOCCER_CLASSES:
        raise DataError(f"{class_name}: is not a soccer class; choose one of {', '.join(SOCCER_CLASSES)}")
    if size < 16:
        raise DataError(f"size {size} px: is too small for a soccer image; choose at least 16 px")
    camera, coverage = _aim(rng, class_name, size)
    turn = rng.integers(4) * math.pi / 2 + rng.normal(0.0, 0.3)
    lamp = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.5), rng.uniform(0.6, 1.0)], dtype=np.float32)
    lamp /= np.float32(np.linalg.norm(lamp))
    border, border_turn = _border(rng, class_name, coverage)
    paint, shadows = _lines(rng, class_name, coverage, turn), _shadow(rng, class_name, lamp)
    field = Field(tuple(paint), tuple(shadows), border, border_turn)
    canvas = Canvas(paint_ground(rng, camera, field), camera, lamp)
    things = [*_bystanders(rng, camera, field), (0.0, 0.0, class_name)]
    for x, y, kind in sorted(things, key=lambda thing: -thing[1]):
        _add(rng, canvas, kind, (x, y), turn)
    return through_lens(rng, canvas.image)


def _image_rng(seed: int, split: str, class_name: str, index: int) -> np.random.Generator:
    return np.random.default_rng((seed, SPLITS.index(split), SOCCER_CLASSES.index(class_name), index))


@dataclass(frozen=True)
class _Batch:
    """Images that one process draws at a time: those of a class with indices first to last."""

    directory: Path
    seed: int
    split: str
    class_name: str
    first: int
    last: int


def _write_batch(batch: _Batch) -> int:
    """Draw and save a batch; returns the number of images."""
    for index in range(batch.first, batch.last + 1):
        image = draw_soccer_image(batch.class_name, _image_rng(batch.seed, batch.split, batch.class_name, index))
        path = batch.directory / batch.split / batch.class_name / f"{batch.class_name}_{index:04d}.jpg"
        image.save(path, "JPEG", quality=JPEG_QUALITY)
    return batch.last - batch.first + 1


def _plan(directory: Path, seed: int, counts: dict[str, int]) -> list[_Batch]:
    """All batches of both splits: the images spread evenly, the remainder over the first classes."""
    batches = []
    for split, count in counts.items():
        per_class, remainder = divmod(count, len(SOCCER_CLASSES))
        for position, class_name in enumerate(SOCCER_CLASSES):
            last = per_class + (position < remainder)
            for first in range(1, last + 1, BATCH_SIZE):
                end = min(first + BATCH_SIZE - 1, last)
                batches.append(_Batch(directory, seed, split, class_name, first, end))
    return batches


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent process, which ends the pool; a child finishes its batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw_all(batches: list[_Batch]) -> Generator[int, None, None]:
    """Draw all batches on all cores, few batches in this process; yields the number of images of each."""
    cores = min(os.cpu_count() or 1, len(batches), 60)  # Windows waits for 61 processes at most
    if cores == 1 or len(batches) <= 2 * len(SOCCER_CLASSES):
        yield from map(_write_batch, batches)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(cores, mp_context=spawn, initializer=_ignore_interrupt)
    try:
        for future in as_completed([pool.submit(_write_batch, batch) for batch in batches]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def draw_soccer_images(
    directory: Path | str,
    *,
    num_train: int = 5000,
    num_test: int = 1200,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Path:
    """Draw practice images of eight classes of a soccer field: directory/train/ball/ball_0001.jpg and so on.

    An image depends on the seed, its split, class and index only: a larger set contains the smaller one, and
    the number of cores changes nothing. All cores are used, so a script calls this under
    `if __name__ == "__main__":`. The folder appears when it is whole.

    Args:
        directory: a new or empty folder.
        num_train: training images of all classes together, >= 8, spread evenly.
        num_test: test images, likewise.
        seed: >= 0; another seed gives other images.
        on_progress: called with (images done, images in all).

    Returns:
        The directory.

    Raises:
        DataError: fewer than 8 images in a split, a negative seed, or a folder that is not empty or cannot be
            written.

    >>> draw_soccer_images("soccer", num_train=8, num_test=8).name
    'soccer'
    """
    directory = Path(directory)
    counts = dict(zip(SPLITS, (num_train, num_test), strict=True))
    for split, count in counts.items():
        if count < len(SOCCER_CLASSES):
            few = f"{count} {split} images are too few for {len(SOCCER_CLASSES)} classes"
            raise DataError(f"{shown_name(directory)}: {few}; ask for at least {len(SOCCER_CLASSES)}")
    if seed < 0:
        raise DataError(f"{shown_name(directory)}: the seed {seed} is negative; choose 0 or more")
    try:
        with new_folder(directory) as beside:
            _fill(beside, _plan(beside, seed, counts), on_progress)
    except BrokenProcessPool as error:
        raise DataError(
            f"{shown_name(directory)}: a drawing process ended early; call draw_soccer_images under "
            "if __name__ == '__main__', or free some memory, and try again"
        ) from error
    return directory


def _fill(directory: Path, batches: list[_Batch], on_progress: Progress | None) -> None:
    """Make the class folders and draw the batches into them."""
    for split in SPLITS:
        for class_name in SOCCER_CLASSES:
            (directory / split / class_name).mkdir(parents=True)
    total = sum(batch.last - batch.first + 1 for batch in batches)
    done = 0
    with closing(_draw_all(batches)) as drawing:
        for count in drawing:
            done += count
            if on_progress is not None:
                on_progress(done, total)
