"""The scene of the drawn soccer images: a camera over turf, and a lens with its faults.

Meters on the ground (x right, y away from the camera, z up, the target near the origin), px on the canvas. A canvas
is drawn at twice the image's size and halved by `through_lens`, which smooths the edges.
"""

import io
import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["Array", "Camera", "Color", "Field", "aim_camera", "paint_ground", "shade", "through_lens"]

Array = NDArray[np.floating]
Color = tuple[int, int, int]

SUPERSAMPLING = 2
NEAR = 0.08  # m, nothing closer to the camera is drawn
TURFS: tuple[Color, ...] = (
    (46, 84, 38),  # dry grass in a hall
    (40, 112, 46),  # fresh grass
    (62, 78, 30),  # olive
    (34, 98, 74),  # carpet, bluish
    (54, 128, 58),  # carpet, bright
    (40, 62, 24),  # grass at dusk
)


def shade(color: Color, factor: float) -> Color:
    """The color under more (factor > 1) or less light, each channel 0 to 255."""
    red, green, blue = (max(0, min(255, round(channel * factor))) for channel in color)
    return red, green, blue


@dataclass(frozen=True)
class Camera:
    """A pinhole camera whose target lies on the y-z plane.

    Attributes:
        distance: from the camera's foot to the target along y, m.
        height: of the camera over the ground, m.
        target_height: of the target over the ground, m.
        roll: turn about the optical axis, radians.
        focal: focal length, px.
        center: place of the target on the canvas, px.
        size: side of the square canvas, px.
    """

    distance: float
    height: float
    target_height: float
    roll: float
    focal: float
    center: tuple[float, float]
    size: int

    @property
    def place(self) -> Array:
        """The camera's position, shape 3, m."""
        return np.array([0.0, -self.distance, self.height], dtype=np.float32)

    @cached_property
    def axes(self) -> Array:
        """Unit vectors right, up and forward of the camera as rows, shape 3 × 3."""
        forward = np.array([0.0, self.distance, self.target_height - self.height])
        forward /= np.linalg.norm(forward)
        up = np.array([0.0, -forward[2], forward[1]])
        right = np.array([1.0, 0.0, 0.0])
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        return np.stack([cos * right + sin * up, cos * up - sin * right, forward]).astype(np.float32)

    def project(self, points: Array) -> Array:
        """Px of world points: N × 3 in, N × 2 out; points behind the near plane are put onto it."""
        seen = (points - self.place) @ self.axes.T
        depth = np.maximum(seen[:, 2], NEAR)
        return np.stack(
            [
                self.center[0] + self.focal * seen[:, 0] / depth,
                self.center[1] - self.focal * seen[:, 1] / depth,
            ],
            axis=1,
        )

    def outline(self, points: Array) -> list[tuple[float, float]]:
        """Px of a world polygon N × 3, cut off at the near plane; empty if all of it lies behind."""
        ahead = (points - self.place) @ self.axes[2] - NEAR
        if ahead.min() >= 0:
            return [(x, y) for x, y in self.project(points).tolist()]
        kept = []
        for i in range(len(points)):
            j = (i + 1) % len(points)
            if ahead[i] >= 0:
                kept.append(points[i])
            if (ahead[i] >= 0) != (ahead[j] >= 0):
                kept.append(points[i] + (points[j] - points[i]) * (ahead[i] / (ahead[i] - ahead[j])))
        if len(kept) < 3:
            return []
        return [(x, y) for x, y in self.project(np.stack(kept)).tolist()]

    def scale_at(self, point: Array) -> float:
        """Px per meter at a world point of shape 3."""
        return self.focal / max(float((point - self.place) @ self.axes[2]), NEAR)

    def ground_at(self, x: Array, y: Array) -> tuple[Array, Array]:
        """World x and y, m, of the ground under canvas px; infinite y above the horizon."""
        right, up, forward = self.axes
        across, rise = (x - self.center[0]) / self.focal, (self.center[1] - y) / self.focal
        fall = -(across * right[2] + rise * up[2] + forward[2])
        reach = self.height / np.maximum(fall, 1e-4)
        ground_x = reach * (across * right[0] + rise * up[0] + forward[0])
        ground_y = reach * (across * right[1] + rise * up[1] + forward[1]) - self.distance
        return ground_x, np.where(fall > 1e-4, ground_y, np.inf).astype(np.float32)


def aim_camera(
    rng: np.random.Generator,
    size: int,
    *,
    coverage: float,
    target_height: float = 0.0,
    elevation: tuple[float, float] = (13.0, 50.0),
    jitter: float = 0.06,
) -> Camera:
    """A camera that sees `coverage` meters across at its target, from a random side and height.

    Args:
        size: side of the finished image, px; the canvas is twice as large.
        coverage: width of the scene at the target, m.
        target_height: of the target over the ground, m.
        elevation: lowest and highest angle of view against the ground, degrees.
        jitter: largest shift of the target from the middle, as a fraction of the side.
    """
    side = size * SUPERSAMPLING
    angle = math.radians(rng.uniform(*elevation))
    reach = coverage * rng.uniform(1.3, 3.2)
    shift = rng.uniform(-jitter, jitter, 2)
    return Camera(
        distance=reach * math.cos(angle),
        height=target_height + reach * math.sin(angle),
        target_height=target_height,
        roll=math.radians(rng.normal(0.0, 4.0)),
        focal=side * reach / coverage,
        center=(side * (0.5 + float(shift[0])), side * (0.5 + float(shift[1]))),
        size=side,
    )


@dataclass(frozen=True)
class Field:
    """Paint and shadows on the turf, as polygons in m, and where the turf ends.

    Attributes:
        paint: white polygons on the ground, each N × 2.
        shadows: polygons of cast shadows on the ground, each N × 2.
        border: distance behind the target where the turf ends at a wall, m; infinite for none.
        border_turn: angle of that wall against the image, radians.
    """

    paint: tuple[Array, ...]
    shadows: tuple[Array, ...]
    border: float
    border_turn: float


def _flat(polygon: Array) -> Array:
    return np.column_stack([polygon, np.zeros(len(polygon), dtype=np.float32)]).astype(np.float32)


def _coverage(camera: Camera, polygons: tuple[Array, ...], blur: float = 0.0) -> Array:
    """Fraction of each image px that lies under any of the polygons, shape S × S × 1, S half the canvas's side."""
    mask = Image.new("L", (camera.size, camera.size))
    draw = ImageDraw.Draw(mask)
    for polygon in polygons:
        outline = camera.outline(_flat(polygon))
        if outline:
            draw.polygon(outline, fill=255)
    if blur:
        mask = mask.filter(ImageFilter.BoxBlur(blur))
    return np.asarray(mask.reduce(SUPERSAMPLING), dtype=np.float32)[..., None] / 255.0


@lru_cache(maxsize=1)
def _grass() -> Array:
    """A tile of blades and tufts, 256 × 256, mean 0, std 1, the same in every process."""
    rng = np.random.default_rng(2012)
    fy, fx = np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :]
    frequency = np.hypot(fx, 0.6 * fy)
    spectrum = np.fft.fft2(rng.normal(size=(256, 256))) / (0.03 + frequency) ** 0.7
    spectrum[0, 0] = 0.0
    tile: Array = np.real(np.fft.ifft2(spectrum)).astype(np.float32)
    grass: Array = tile / tile.std()
    return grass


@lru_cache(maxsize=4)
def _grid(side: int) -> tuple[Array, Array]:
    """Row and column of each px, each side × side."""
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    return rows, columns


def _look_up(tile: Array, x: Array, y: Array) -> Array:
    values: Array = tile.ravel()[((y.astype(np.int32) & 255) << 8) + (x.astype(np.int32) & 255)]
    return values


def _hall(rng: np.random.Generator, side: int) -> Image.Image:
    """The hall behind the wall: blurred people, lamps, windows and furniture."""
    cells = int(rng.integers(5, 16))
    tone = rng.choice([30.0, 70.0, 130.0, 190.0])
    blocks = tone + rng.normal(0.0, 32.0, (cells, cells, 1)) + rng.normal(0.0, 14.0, (cells, cells, 3))
    blocks[rng.random((cells, cells)) < 0.06] += 90.0
    small = Image.fromarray(np.clip(blocks, 5, 250).astype(np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def _wall(rng: np.random.Generator, camera: Camera, field: Field) -> Image.Image:
    """The hall, and in front of it the boards at the end of the turf."""
    image = _hall(rng, camera.size)
    draw = ImageDraw.Draw(image)
    along = np.array([math.cos(field.border_turn), math.sin(field.border_turn)])
    foot = np.array([-along[1], along[0]]) * field.border
    height = rng.uniform(0.15, 1.4)
    tone = shade((230, 228, 220), float(rng.choice([0.3, 0.6, 0.85, 1.0])))
    edges = np.concatenate([[-30.0], np.sort(rng.uniform(-3.0, 3.0, int(rng.integers(0, 5)))), [30.0]])
    for left, right in itertools.pairwise(edges):
        ends = [foot + along * left, foot + along * right]
        board = np.array([[*ends[0], 0], [*ends[1], 0], [*ends[1], height], [*ends[0], height]])
        outline = camera.outline(board.astype(np.float32))
        tint = rng.integers(20, 235, 3).tolist() if rng.random() < 0.25 else tone
        if outline:
            draw.polygon(outline, fill=shade((tint[0], tint[1], tint[2]), rng.uniform(0.9, 1.1)))
    return image.filter(ImageFilter.BoxBlur(camera.size / 192 * rng.uniform(0.5, 2.5)))


def _turf(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """Brightness of the grass at ground points S × S, about 1, shape S × S × 1."""
    tile = _grass()
    # Far from 0, where rounding would change its side; plain floats, so that float32 stays.
    turn = rng.uniform(2e4, 2e4 + 256.0, 4).tolist()
    near = np.minimum(y, np.float32(40.0))
    pitch = rng.uniform(250.0, 500.0)  # tile px per meter
    blades = _look_up(tile, x * pitch + turn[0], near * pitch + turn[1])
    tufts = _look_up(tile, x * 60.0 + turn[2], near * 60.0 + turn[3])
    light = 1.0 + rng.uniform(0.04, 0.17) * blades + rng.uniform(0.02, 0.09) * tufts
    if rng.random() < 0.15:  # mown in bands
        light += 0.08 * np.sign(np.sin(x * rng.uniform(-4, 4) + near * rng.uniform(-4, 4)))
    return np.maximum(light, 0.1).astype(np.float32)[..., None]


def paint_ground(rng: np.random.Generator, camera: Camera, field: Field) -> Image.Image:
    """Turf with its paint and shadows, and the wall behind it: the canvas before any object is drawn.

    The turf is computed at the image's size and enlarged, which is a quarter of the work.
    """
    rows, columns = (axis * SUPERSAMPLING + 0.5 for axis in _grid(camera.size // SUPERSAMPLING))
    x, y = camera.ground_at(columns, rows)
    light = _turf(rng, x, y)
    base = (np.array(TURFS[rng.integers(len(TURFS))]) * rng.uniform(0.8, 1.2, 3)).astype(np.float32)
    white = np.array([1.0, 1.0, rng.uniform(0.8, 1.0)], dtype=np.float32) * rng.uniform(195.0, 250.0)
    cover = _coverage(camera, field.paint) * rng.uniform(0.72, 1.0)
    worn = np.clip(cover * (1.3 - 0.3 * light), 0.0, 1.0)
    ground = base * (light * (1.0 - worn)) + white * ((0.6 + 0.4 * light) * worn)
    if field.shadows:
        dark = _coverage(camera, field.shadows, camera.size / 192 * rng.uniform(1.5, 5.0))
        ground *= 1.0 - rng.uniform(0.25, 0.6) * dark
    whole = (camera.size, camera.size)
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)).resize(whole, Image.Resampling.BILINEAR)
    beyond = y * math.cos(field.border_turn) - x * math.sin(field.border_turn) > field.border
    if beyond.any():
        mask = Image.fromarray((beyond * 255).astype(np.uint8)).resize(whole, Image.Resampling.BILINEAR)
        image.paste(_wall(rng, camera, field), mask=mask)
    return image


def _blur(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """The image made less sharp: out of focus, of too few px, or by a moving camera."""
    unit = image.width / 96
    if rng.random() < 0.2:
        fewer = round(image.width * rng.uniform(0.5, 0.8))
        small = image.resize((fewer, fewer), Image.Resampling.BOX)
        image = small.resize(image.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.15:
        angle, length = rng.uniform(0.0, math.pi), rng.uniform(2.0, 6.0) * unit
        stack = np.zeros((image.height, image.width, 3), dtype=np.float32)
        for step in np.linspace(-0.5, 0.5, 5):
            dx, dy = step * length * math.cos(angle), step * length * math.sin(angle)
            moved = image.transform(
                image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.BILINEAR
            )
            stack += np.asarray(moved, dtype=np.float32) / 5
        rim = length / 2 + 1  # what moved in from outside is black: cut off
        box = (rim, rim, image.width - rim, image.height - rim)
        blurred = Image.fromarray(stack.astype(np.uint8))
        image = blurred.resize(image.size, Image.Resampling.BILINEAR, box)
    return image.filter(ImageFilter.GaussianBlur(unit * abs(rng.normal(0.0, 0.5))))


def _expose(rng: np.random.Generator, image: Image.Image) -> Array:
    """Uneven light, cast shadow, white balance, haze and exposure; values may leave 0 to 255."""
    side = image.width
    coarse = Image.fromarray(rng.normal(1.0, rng.uniform(0.03, 0.15), (3, 3)).astype(np.float32))
    light = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    if rng.random() < 0.15:
        rows, columns = (axis / side - 0.5 for axis in _grid(side))
        angle = rng.uniform(0.0, 2 * math.pi)
        edge = columns * math.cos(angle) + rows * math.sin(angle) - rng.uniform(-0.4, 0.4)
        light = light * (1.0 - rng.uniform(0.2, 0.5) * np.clip(edge * rng.uniform(8, 40) + 0.5, 0, 1))
    values = np.asarray(image, dtype=np.float32) * light[..., None]
    gray = values.mean(-1, keepdims=True)
    values = gray + (values - gray) * np.float32(rng.uniform(0.6, 1.1))
    gain = math.exp(float(np.clip(rng.normal(0.1, 0.25), -1.1, 0.7)))
    values = values * (gain * rng.normal(1.0, 0.06, 3)).astype(np.float32)
    bent: Array = 255.0 * np.tanh(values / 255.0)  # bright places saturate softly, as in a camera
    exposed: Array = 0.35 * values + 0.65 * bent + rng.uniform(0.0, 22.0)
    return exposed


def _noisy(rng: np.random.Generator, values: Array) -> Array:
    """Sensor noise: it grows with the light, and a part of it is the same in all channels."""
    side = values.shape[0]
    strength = rng.uniform(1.0, 6.0) * np.sqrt(0.4 + np.clip(values, 0, 255) / 255)
    own: Array = rng.standard_normal((side, side, 3), dtype=np.float32)
    grain = 0.6 * own + 0.8 * rng.standard_normal((side, side, 1), dtype=np.float32)
    noisy: Array = values + strength * grain
    return noisy


def through_lens(rng: np.random.Generator, canvas: Image.Image) -> Image.Image:
    """The finished image, half the canvas's side: blurred, exposed, noisy, sometimes strongly compressed.

    One image in thirty reaches over the edge of the camera's frame and is black there.
    """
    image = _blur(rng, canvas.reduce(SUPERSAMPLING))
    values = np.clip(_noisy(rng, _expose(rng, image)), 0, 255).astype(np.uint8)
    if rng.random() < 0.033:
        values[: int(values.shape[0] * rng.uniform(0.08, 0.3))] = 0
    image = Image.fromarray(values)
    if rng.random() < 0.35:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(25, 75)))
        image = Image.open(file).convert("RGB")
    return image
