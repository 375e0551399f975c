"""Objects on the drawn turf: balls, goal posts, robots, people and their feet, in meters.

Each `add_` function draws one object onto a canvas, standing at a ground place (x, y), from far to near.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from alexnet.practice.soccer_scene import Array, Camera, Color, shade

__all__ = ["Canvas", "add_ball", "add_foot", "add_obstacle", "add_post"]

Place = tuple[float, float]

CLOSE = 0.25  # m

BODIES: tuple[Color, ...] = (
    (34, 34, 38),
    (52, 54, 60),
    (92, 94, 98),
    (150, 152, 156),
    (205, 205, 202),
    (22, 24, 30),
)
TEAMS: tuple[Color, ...] = (
    (210, 40, 120),
    (40, 150, 200),
    (200, 40, 34),
    (36, 60, 170),
    (226, 130, 30),
    (30, 30, 30),
)
CLOTHES: tuple[Color, ...] = (
    (42, 54, 92),
    (30, 30, 34),
    (88, 88, 92),
    (120, 104, 80),
    (160, 36, 36),
    (210, 208, 204),
    (44, 98, 150),
    (70, 52, 44),
)
SHOES: tuple[Color, ...] = (
    (28, 28, 30),
    (225, 225, 222),
    (190, 44, 40),
    (40, 70, 160),
    (96, 70, 48),
    (120, 122, 126),
)
SKINS: tuple[Color, ...] = ((224, 178, 150), (198, 146, 112), (140, 94, 66), (88, 58, 42))
BALLS: tuple[Color, ...] = ((236, 120, 30), (230, 200, 40), (205, 40, 40), (60, 110, 200), (240, 240, 236))


@dataclass(frozen=True)
class Canvas:
    """An unfinished image onto which solid shapes are drawn, as the camera and the light show them.

    Attributes:
        image: RGB, side × side, drawn over in place.
        camera: turns world points into px.
        light: unit vector towards the lamp, shape 3, world axes.
    """

    image: Image.Image
    camera: Camera
    light: Array

    @cached_property
    def pen(self) -> ImageDraw.ImageDraw:
        """Draws on the image."""
        return ImageDraw.Draw(self.image)

    def polygon(self, points: Array, color: Color) -> None:
        """A flat polygon, N × 3 in meters."""
        outline = self.camera.outline(points)
        if outline:
            self.pen.polygon(outline, fill=color)

    def box(self, center: Array, half: tuple[float, float, float], turn: float, color: Color) -> None:
        """A box about a center (3, m) with half sides (m), turned about the vertical (radians)."""
        cos, sin = math.cos(turn), math.sin(turn)
        spin = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
        for axis in range(3):
            for sign in (-1.0, 1.0):
                normal = sign * spin[axis]
                middle = center + normal * half[axis]
                if normal @ (middle - self.camera.place) >= 0:
                    continue
                one, two = spin[(axis + 1) % 3] * half[(axis + 1) % 3], spin[axis - 1] * half[axis - 1]
                face = middle + np.stack([one + two, one - two, -one - two, two - one])
                bright = 0.5 + 0.6 * max(0.0, float(normal @ self.light))
                self.polygon(face.astype(np.float32), shade(color, bright))

    def limb(self, start: Array, end: Array, radii: tuple[float, float], color: Color) -> None:
        """A round bar between two points (3, m) with a radius at each end, lit across its width.

        What lies nearer to the camera than `CLOSE` is cut off: an end beside the lens would cover everything.
        """
        depths = (np.stack([start, end]) - self.camera.place) @ self.camera.axes[2] - CLOSE
        if depths.max() <= 0:
            return
        if depths.min() < 0:
            cut = start + (end - start) * (depths[0] / (depths[0] - depths[1]))
            start, end = (cut, end) if depths[0] < 0 else (start, cut)
        ends = self.camera.project(np.stack([start, end]))
        widths = [r * self.camera.scale_at(p) for r, p in zip(radii, (start, end), strict=True)]
        along = ends[1] - ends[0]
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        lit = float(normal @ np.array([self.light[0], -self.light[2]]))
        for (x, y), width in zip(ends, widths, strict=True):
            self.pen.ellipse((x - width, y - width, x + width, y + width), fill=shade(color, 0.75))
        steps = np.linspace(-1.0, 1.0, 8)
        start_rim, end_rim = (ends[i] + np.outer(steps * widths[i], normal) for i in (0, 1))
        strips = np.concatenate([start_rim[:-1], end_rim[:-1], end_rim[1:], start_rim[1:]], axis=1)
        for across, corners in zip((steps[:-1] + steps[1:]) / 2, strips.tolist(), strict=True):
            bright = 0.4 + 0.45 * math.sqrt(1.0 - across * across) + 0.3 * max(0.0, lit * across)
            self.pen.polygon(corners, fill=shade(color, bright))

    def globe(self, center: Array, radius: float, skin: "Skin") -> None:
        """A ball about a center (3, m); its skin gives the color of each surface point."""
        (x, y), reach = self.camera.project(center[None])[0], radius * self.camera.scale_at(center)
        box = [max(0, int(x - reach - 1)), max(0, int(y - reach - 1))]
        box += [min(self.image.width, int(x + reach + 2)), min(self.image.height, int(y + reach + 2))]
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        rows, columns = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float32)
        across, rise = (columns - x) / reach, (y - rows) / reach
        radial = across**2 + rise**2
        normals = np.stack([across, rise, np.sqrt(np.maximum(1.0 - radial, 0.0))], axis=-1)
        toward = self.camera.axes @ self.light * np.array([1.0, 1.0, -1.0])
        lit = 0.42 + 0.5 * np.maximum(normals @ toward, 0.0) + 0.18 * normals[..., 2]
        colors = skin.colors(normals.astype(np.float32)) * lit[..., None]
        alpha = np.clip((1.0 - np.sqrt(radial)) * reach + 0.5, 0.0, 1.0) * 255
        patch = Image.fromarray(np.clip(colors, 0, 255).astype(np.uint8))
        self.image.paste(patch, (box[0], box[1]), Image.fromarray(alpha.astype(np.uint8)))


@dataclass(frozen=True)
class Skin:
    """The pattern of a ball: patches about directions on the sphere.

    Attributes:
        base: color between the patches.
        patches: color of the patches.
        directions: unit vectors, K × 3.
        reach: cosine of a patch's half angle; a band about the equator of each direction if negative.
    """

    base: Color
    patches: Color
    directions: Array
    reach: float

    def colors(self, normals: Array) -> Array:
        """Colors, ... × 3, at unit normals, ... × 3."""
        along = np.abs(normals @ self.directions.T) if self.reach < 0 else normals @ self.directions.T
        inside = along.min(-1) < -self.reach if self.reach < 0 else along.max(-1) > self.reach
        patches, base = np.array(self.patches, dtype=np.float32), np.array(self.base, dtype=np.float32)
        return np.where(inside[..., None], patches, base)


def _point(x: float, y: float, z: float) -> Array:
    return np.array([x, y, z], dtype=np.float32)


def _pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    return shade(colors[rng.integers(len(colors))], rng.uniform(0.8, 1.15))


def _icosahedron() -> Array:
    """Twelve directions spread evenly: the middles of a football's black patches."""
    golden = (1 + math.sqrt(5)) / 2
    signs = [(a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = [p for a, b in signs for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    return np.array(points, dtype=np.float32) / math.hypot(1, golden)


def _ball_skin(rng: np.random.Generator) -> Skin:
    """A pattern: half of the balls have the classic one, the others patches, bands or a single color."""
    spin = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
    spots = _icosahedron() @ spin
    white, dark = _pick(rng, ((240, 240, 236),)), _pick(rng, ((26, 26, 30),))
    kind = rng.random()
    if kind < 0.5:
        return Skin(white, dark, spots, rng.uniform(0.88, 0.93))
    if kind < 0.7:
        return Skin(white, _pick(rng, BALLS[:4]), spin, rng.uniform(0.7, 0.86))
    if kind < 0.85:
        return Skin(_pick(rng, BALLS), _pick(rng, TEAMS), spin[:2], -rng.uniform(0.12, 0.3))
    return Skin(_pick(rng, BALLS[:4]), dark, spots, rng.choice([0.985, 2.0]))


def add_ball(rng: np.random.Generator, canvas: Canvas, place: Place, radius: float) -> None:
    """A ball of a radius in meters that lies on the ground."""
    canvas.globe(_point(*place, radius), radius, _ball_skin(rng))


def _add_net(canvas: Canvas, place: Place, height: float, back: Place) -> None:
    """A net from a post backwards, in thin cords."""
    color = (168, 170, 168)
    for step in np.linspace(0.0, 1.0, 9):
        x, y = place[0] + back[0] * step, place[1] + back[1] * step
        upright = [(x, y, 0.0), (x, y, height * (1 - 0.6 * step))]
        slanting = [(*place, height * step), (place[0] + back[0], place[1] + back[1], 0.4 * height * step)]
        for cord in (upright, slanting):
            ends = canvas.camera.project(np.array(cord, dtype=np.float32)).ravel().tolist()
            canvas.pen.line(ends, fill=color, width=max(1, canvas.image.width // 192))


def add_post(rng: np.random.Generator, canvas: Canvas, place: Place, turn: float) -> None:
    """A goal post, mostly white, with its bar and often a net; `turn` is the goal line's angle, radians."""
    height, radius = rng.uniform(1.1, 1.9), rng.uniform(0.04, 0.065)
    white = shade((244, 244, 240), rng.uniform(0.82, 1.05))
    color = white if rng.random() < 0.85 else _pick(rng, ((230, 200, 40), (40, 90, 190), (205, 60, 50)))
    along = np.array([math.cos(turn), math.sin(turn)]) * rng.choice([-1.0, 1.0])
    behind = np.array([-along[1], along[0]]) * rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 0.9)
    if rng.random() < 0.55:
        _add_net(canvas, place, height, (float(behind[0]), float(behind[1])))
    far = (place[0] + along[0] * 2.2, place[1] + along[1] * 2.2)
    canvas.limb(_point(*place, height), _point(*far, height), (radius, radius), color)
    if rng.random() < 0.2:
        canvas.box(_point(*place, height / 2), (radius, radius, height / 2), turn, color)
    else:
        canvas.limb(_point(*place, 0.0), _point(*place, height), (radius, radius), color)


def _add_robot_leg(canvas: Canvas, place: Place, height: float, turn: float, colors: tuple[Color, Color]) -> None:
    """Foot plate, ankle, shin, knee and thigh of a robot; dark joints between brighter links."""
    x, y = place
    link, joint = colors
    sole = _point(x, y, 0.0) + height * _point(0.03 * math.cos(turn), 0.03 * math.sin(turn), 0.02)
    canvas.box(sole, (0.095 * height, 0.055 * height, 0.02 * height), turn, joint)
    for low, high, wide, color in (
        (0.04, 0.12, 0.042, joint),
        (0.12, 0.25, 0.034, link),
        (0.25, 0.32, 0.045, joint),
        (0.32, 0.48, 0.038, link),
    ):
        middle, half = (low + high) / 2 * height, (high - low) / 2 * height
        canvas.box(_point(x, y, middle), (wide * height, wide * height, half), turn, color)


def _add_robot(rng: np.random.Generator, canvas: Canvas, place: Place) -> None:
    """A humanoid robot, 0.6 to 1.4 m tall: legs, hip, trunk with a colored marker, arms and head."""
    height, turn = rng.uniform(0.6, 1.4), rng.uniform(0.0, 2 * math.pi)
    link, joint = _pick(rng, BODIES), _pick(rng, BODIES[:3])
    aside = np.array([-math.sin(turn), math.cos(turn)]) * height
    legs = [(place[0] + aside[0] * s, place[1] + aside[1] * s) for s in (-0.085, 0.085)]
    for leg in sorted(legs, key=lambda spot: -spot[1]):
        _add_robot_leg(canvas, leg, height, turn, (link, joint))
    arms = sorted((-0.19, 0.19), key=lambda side: -aside[1] * side)
    reach = rng.uniform(-0.12, 0.12) * height

    def arm(side: float) -> None:
        x, y = place[0] + aside[0] * side, place[1] + aside[1] * side
        hand = _point(x + reach, y, 0.42 * height)
        canvas.limb(_point(x, y, 0.78 * height), hand, (0.035 * height, 0.026 * height), joint)

    arm(arms[0])
    for middle, half, color in (
        (0.52, (0.06, 0.12, 0.05), joint),
        (0.7, (0.075, 0.14, 0.13), link),
        (0.7, (0.08, 0.145, 0.06), _pick(rng, TEAMS)),
    ):
        wide, broad, tall = (height * fraction for fraction in half)
        canvas.box(_point(*place, middle * height), (wide, broad, tall), turn, color)
    arm(arms[1])
    neck = 0.03 * height
    canvas.limb(_point(*place, 0.82 * height), _point(*place, 0.88 * height), (neck, neck), joint)
    canvas.box(_point(*place, 0.93 * height), (0.055 * height, 0.06 * height, 0.055 * height), turn, link)


def _add_shoe(canvas: Canvas, place: Place, turn: float, length: float, colors: tuple[Color, Color]) -> None:
    """A shoe with a sole; `turn` is the direction of its toe, radians."""
    upper, sole = colors
    cos, sin = math.cos(turn), math.sin(turn)

    def spot(along: float, z: float) -> Array:
        return _point(place[0] + cos * along * length, place[1] + sin * along * length, z * length)

    canvas.limb(spot(-0.12, 0.1), spot(0.72, 0.09), (0.17 * length, 0.18 * length), sole)
    toe = (spot(0.3, 0.2), spot(0.68, 0.15), 0.17, 0.165)
    heel = (spot(-0.08, 0.22), spot(0.36, 0.22), 0.165, 0.17)
    parts = [heel, toe]
    for start, end, wide, narrow in parts if sin < 0 else parts[::-1]:  # far to near
        canvas.limb(start, end, (wide * length, narrow * length), upper)
    for along in (0.32, 0.42, 0.52):
        side = _point(-sin, cos, 0.0) * 0.07 * length
        lace = spot(along, 0.37 - 0.12 * (along - 0.3))
        canvas.limb(lace - side, lace + side, (0.018 * length, 0.018 * length), sole)


def _add_human_leg(
    canvas: Canvas, place: Place, hip: Place, turn: float, colors: tuple[Color, Color, Color], bare: bool
) -> None:
    """Shoe, shin and thigh of a person; colors of skin, trousers and shoe."""
    skin, cloth, shoe = colors
    sole = (226, 224, 218) if sum(shoe) < 500 else (70, 70, 74)
    bend = _point(math.cos(turn), math.sin(turn), 0.0) * 0.06
    knee = _point((place[0] + hip[0]) / 2, (place[1] + hip[1]) / 2, 0.48) + bend
    ankle = _point(*place, 0.1)
    shin = skin if bare else cloth
    draw_shoe_last = math.sin(turn) < 0.3
    if not draw_shoe_last:
        _add_shoe(canvas, place, turn, 0.28, (shoe, sole))
    canvas.limb(_point(*hip, 0.88), knee, (0.095, 0.075), cloth)
    canvas.limb(knee, ankle, (0.065, 0.045) if bare else (0.075, 0.068), shin)
    if draw_shoe_last:
        _add_shoe(canvas, place, turn, 0.28, (shoe, sole))


def _add_human(rng: np.random.Generator, canvas: Canvas, place: Place) -> None:
    """A person, 1.75 m tall: shoes, legs, trunk, arms and head."""
    turn, bare = rng.uniform(0.0, 2 * math.pi), bool(rng.random() < 0.3)
    skin, cloth = _pick(rng, SKINS), _pick(rng, CLOTHES)
    shirt, shoe = _pick(rng, CLOTHES + TEAMS), _pick(rng, SHOES)
    aside = np.array([-math.sin(turn), math.cos(turn)])
    legs = []
    for side in (-0.1, 0.1):
        hip = (place[0] + aside[0] * side, place[1] + aside[1] * side)
        step = rng.uniform(-0.22, 0.22)
        legs.append((hip, (hip[0] + math.cos(turn) * step, hip[1] + math.sin(turn) * step)))
    for hip, foot in sorted(legs, key=lambda leg: -leg[1][1]):
        _add_human_leg(canvas, foot, hip, turn, (skin, cloth, shoe), bare)
    canvas.limb(_point(*place, 0.92), _point(*place, 1.34), (0.15, 0.18), shirt)
    for side in sorted((-0.23, 0.23), key=lambda value: -aside[1] * value):
        x, y = place[0] + aside[0] * side, place[1] + aside[1] * side
        elbow = _point(x, y, 1.1)
        canvas.limb(_point(x, y, 1.38), elbow, (0.06, 0.05), shirt)
        canvas.limb(elbow, elbow + _point(rng.uniform(-0.1, 0.1), -0.05, -0.25), (0.045, 0.04), skin)
    canvas.limb(_point(*place, 1.62), _point(*place, 1.68), (0.095, 0.09), skin)


def add_obstacle(rng: np.random.Generator, canvas: Canvas, place: Place) -> None:
    """A robot or a person."""
    if rng.random() < 0.6:
        _add_robot(rng, canvas, place)
    else:
        _add_human(rng, canvas, place)


def _add_robot_foot(rng: np.random.Generator, canvas: Canvas, place: Place, turn: float, lean: Place) -> None:
    """A robot's foot, close up: plate with rim and screws, ankle motors, shin."""
    x, y = place
    plate, joint, link = _pick(rng, BODIES), _pick(rng, BODIES[:3]), _pick(rng, BODIES)
    cos, sin = math.cos(turn), math.sin(turn)
    length, width = rng.uniform(0.1, 0.13), rng.uniform(0.05, 0.07)
    canvas.box(_point(x, y, 0.008), (length, width, 0.008), turn, shade(joint, 0.7))
    canvas.box(_point(x, y, 0.022), (length * 0.95, width * 0.93, 0.008), turn, plate)
    for along, across in ((0.8, 0.7), (0.8, -0.7), (-0.8, 0.7), (-0.8, -0.7)):
        u, v = along * length, across * width
        screw = _point(x + cos * u - sin * v, y + sin * u + cos * v, 0.032)
        canvas.limb(screw, screw, (0.008, 0.008), (190, 190, 188))
    canvas.box(_point(x, y, 0.06), (0.035, 0.04, 0.035), turn, joint)
    side = _point(-sin, cos, 0.0) * 0.052
    ankle = _point(x, y, 0.09)
    canvas.limb(ankle - side, ankle + side, (0.028, 0.028), shade(joint, 1.3))
    knee = _point(x + lean[0], y + lean[1], 0.36)
    canvas.limb(ankle, knee, (0.036, 0.042), link)
    if rng.random() < 0.4:
        band = ankle + (knee - ankle) * 0.55
        canvas.limb(band, ankle + (knee - ankle) * 0.69, (0.043, 0.043), _pick(rng, TEAMS))
    canvas.limb(knee, knee + _point(0.0, 0.0, 0.26), (0.05, 0.055), joint)


def add_foot(rng: np.random.Generator, canvas: Canvas, place: Place) -> None:
    """One foot close up, a robot's or a person's, often with the other one behind it."""
    turn, robot = rng.uniform(0.0, 2 * math.pi), bool(rng.random() < 0.6)
    lean = (rng.uniform(-0.16, 0.16), rng.uniform(-0.16, 0.12))
    side = math.copysign(0.2, math.cos(turn))  # the neighbor stands behind
    other = (place[0] - math.sin(turn) * side, place[1] + math.cos(turn) * side)
    spots = [other, place] if rng.random() < 0.6 else [place]
    state = int(rng.integers(2**31))
    for spot in spots:
        twin = np.random.default_rng(state)  # both feet wear the same
        if robot:
            _add_robot_foot(twin, canvas, spot, turn, lean)
        else:
            colors = _pick(twin, SKINS), _pick(twin, CLOTHES), _pick(twin, SHOES)
            hip = (spot[0] + 1.5 * lean[0], spot[1] + 1.5 * lean[1])
            _add_human_leg(canvas, spot, hip, turn, colors, bool(twin.random() < 0.4))
