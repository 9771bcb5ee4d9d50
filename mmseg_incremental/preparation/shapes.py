"""A small segmentation data set of rendered shapes, in the layout of Pascal VOC."""

import colorsys
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..errors import InputError
from ..utils.palette import color_palette
from ..utils.progress import tracked
from ..utils.voc_layout import staged_dataset

VOID = 255
MIN_SIZE = 48
# Masks are drawn this many times larger and averaged, which gives the pictures smooth edges.
_OVERSAMPLING = 4
_MIN_VISIBLE = 0.6
_TRIES = 40


class Placement(NamedTuple):
    """Where a shape lies: centre and radius of its circumscribed circle in pixels, and rotation."""

    x: float
    y: float
    radius: float
    angle: float


class ShapeClass(NamedTuple):
    """Outlines and looks of a class; the texture maps shape coordinates (-1..1) to shade (0..1)."""

    name: str
    outlines: tuple[np.ndarray, ...]
    hue: float
    brightness: float
    texture: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _polygon(corners: int, *radii: float) -> np.ndarray:
    """Place corners around the origin whose distances from it take turns."""
    angles = 2 * math.pi * np.arange(corners) / corners
    return np.resize(radii, (corners, 1)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


_ROUND, _HOLE = _polygon(64, 1), _polygon(64, 0.52)
_ARMS = np.array([(0.32, 0.32), (0.32, 0.95), (-0.32, 0.95), (-0.32, 0.32), (-0.95, 0.32)])
_CROSS = np.concatenate([_ARMS, [(-0.95, -0.32)], -_ARMS, [(0.95, 0.32)]])

CLASSES = (
    ShapeClass('disc', (_ROUND,), 0.0, 0.95, lambda u, v: np.hypot(u + 0.3, v + 0.3) / 1.4),
    ShapeClass('square', (_polygon(4, 1),), 0.33, 0.75, lambda u, v: np.sin(6 * u) * v > 0),
    ShapeClass('triangle', (_polygon(3, 1),), 0.15, 1.0, lambda u, v: np.sin(11 * u) > 0.2),
    ShapeClass('star', (_polygon(10, 1, 0.48),), 0.62, 0.85, lambda u, v: 1 - np.hypot(u, v)),
    ShapeClass('ring', (_ROUND, _HOLE), 0.8, 0.8, lambda u, v: np.sin(6 * np.arctan2(v, u)) > 0),
    ShapeClass('cross', (_CROSS,), 0.5, 0.95, lambda u, v: np.sin(9 * (u + v)) / 2 + 0.5),
)


def render(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Render one picture with two to four shapes of different classes.

    Args:
        rng: Source of everything random about the picture.
        size: Height and width in pixels, at least ``MIN_SIZE``.

    Returns:
        The picture, uint8 of shape (size, size, 3), and its label, uint8 of shape (size, size):
        0 background, 1 to 6 the classes, 255 on the contours.
    """
    image = _background(rng, size)
    label = np.zeros((size, size), dtype=np.uint8)
    areas: dict[int, int] = {}
    for index in rng.permutation(len(CLASSES))[: rng.integers(2, 5)]:
        for attempt in range(_TRIES):
            place = _random_placement(rng, size, 0.5 - 0.2 * attempt / _TRIES)
            coverage = _coverage(CLASSES[index].outlines, place, size)
            candidate = _painted(label, coverage > 0.5, index + 1)
            if all(np.sum(candidate == k) >= _MIN_VISIBLE * areas[k] for k in areas):
                label = candidate
                areas[index + 1] = np.sum(label == index + 1)
                image = _composed(rng, image, CLASSES[index], place, coverage)
                break
    image = image + rng.normal(0, 0.02, image.shape)
    return (image.clip(0, 1) * 255).round().astype(np.uint8), label


def _random_placement(rng: np.random.Generator, size: int, largest: float) -> Placement:
    radius = size * rng.uniform(0.25, largest) / 2
    x, y = rng.uniform(radius + 1, size - radius - 1, 2)
    return Placement(x, y, radius, rng.uniform(0, 2 * math.pi))


def _coverage(outlines: tuple[np.ndarray, ...], place: Placement, size: int) -> np.ndarray:
    """Return how much of every pixel the shape covers; a second outline cuts a hole."""
    canvas = Image.new('L', (size * _OVERSAMPLING,) * 2)
    draw = ImageDraw.Draw(canvas)
    cos, sin = math.cos(place.angle), math.sin(place.angle)
    for outline, fill in zip(outlines, (255, 0), strict=False):
        points = place.radius * outline @ np.array([(cos, sin), (-sin, cos)]) + place[:2]
        draw.polygon((points * _OVERSAMPLING).ravel().tolist(), fill=fill)
    return np.asarray(canvas.reduce(_OVERSAMPLING), dtype=np.float64) / 255


def _painted(label: np.ndarray, mask: np.ndarray, value: int) -> np.ndarray:
    """Draw a shape with a contour, which is part of the shape, over a copy of the label."""
    padded = np.pad(mask, 1)
    inside = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.where(inside, value, np.where(mask, VOID, label)).astype(np.uint8)


def _composed(
    rng: np.random.Generator,
    image: np.ndarray,
    kind: ShapeClass,
    place: Placement,
    coverage: np.ndarray,
) -> np.ndarray:
    """Blend a textured shape and its soft shadow over the picture."""
    size = len(image)
    rows, columns = np.mgrid[:size, :size] + 0.5
    dx, dy = (columns - place.x) / place.radius, (rows - place.y) / place.radius
    cos, sin = math.cos(place.angle), math.sin(place.angle)
    shade = kind.texture(cos * dx + sin * dy, cos * dy - sin * dx).clip(0, 1)

    hue = (kind.hue + rng.normal(0, 0.06)) % 1
    value = min(kind.brightness + rng.uniform(-0.15, 0.1), 1)
    colour = np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.45, 0.95), value))
    fill = colour * (1 - rng.uniform(0.3, 0.5) * shade[..., None])

    shadow = Image.fromarray((coverage * 255).astype(np.uint8))
    shadow = shadow.filter(ImageFilter.GaussianBlur(size / 48))
    shadow = shadow.rotate(0, translate=(round(size / 48),) * 2)
    shaded = image * (1 - 0.45 / 255 * np.asarray(shadow)[..., None])
    return shaded + coverage[..., None] * (fill - shaded)


def _background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Mix smooth noise, stripes and a gradient into a texture between two muted colours."""
    cells = rng.integers(4, 13)
    noise = Image.fromarray(rng.random((cells, cells)).astype(np.float32))
    rows, columns = np.mgrid[:size, :size] / size
    along, across = rng.uniform(0, 2 * math.pi, 2)
    stripes = columns * math.cos(along) + rows * math.sin(along)
    gradient = columns * math.cos(across) + rows * math.sin(across)
    fields = np.stack(
        [
            np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC)),
            0.5 + 0.5 * np.sin(2 * math.pi * rng.uniform(3, 9) * stripes),
            (gradient - gradient.min()) / np.ptp(gradient),
        ]
    )
    # Small concentrations let one of the three dominate, so that the backgrounds differ in kind.
    field = np.tensordot(rng.dirichlet((0.5, 0.4, 0.5)), fields, axes=1)[..., None]
    first, second = (
        np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.35), rng.uniform(low, high)))
        for low, high in ((0.2, 0.6), (0.5, 0.95))
    )
    return first + field.clip(0, 1) * (second - first)


def make_shapes(
    out_dir: str | Path,
    num_train: int = 400,
    num_val: int = 60,
    size: int = 96,
    seed: int = 0,
    force: bool = False,
) -> None:
    """Render the data set; a picture depends on its list, its number, the size and the seed only.

    Args:
        out_dir: Folder of the data set.
        num_train: Number of training pictures.
        num_val: Number of validation pictures.
        size: Height and width of the pictures in pixels.
        seed: Seed of the random numbers, not negative.
        force: Replace a data set that is there.

    Raises:
        InputError: If a number is too small.
        FileExistsError: If ``out_dir`` has content and must not be replaced.
    """
    if min(num_train, num_val) < 1:
        raise InputError('both lists need at least one picture')
    if size < MIN_SIZE:
        raise InputError(f'the size must be at least {MIN_SIZE} pixels, got {size}')
    if seed < 0:
        raise InputError(f'the seed must not be negative, got {seed}')
    palette = np.ravel(color_palette(256)).tolist()
    with staged_dataset(out_dir, force=force) as stage:
        for split, (name, count) in enumerate((('train', num_train), ('val', num_val))):
            ids = [f'{name}_{number:05d}' for number in range(count)]
            for number, stem in enumerate(tracked(ids, f'rendering {name}')):
                image, label = render(np.random.default_rng((seed, split, number)), size)
                Image.fromarray(image).save(stage / f'JPEGImages/{stem}.jpg', quality=92)
                mask = Image.fromarray(label)
                mask.putpalette(palette)
                mask.save(stage / f'SegmentationClass/{stem}.png')
            listing = stage / f'ImageSets/Segmentation/{name}.txt'
            listing.write_text('\n'.join(ids) + '\n', encoding='utf-8')
