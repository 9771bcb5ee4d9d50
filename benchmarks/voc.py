"""Data in the layout of Pascal VOC, real where they are given and drawn where not."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_incremental.utils.palette import color_palette

#: Folder in the layout of Pascal VOC; without it pictures and masks of its usual size are drawn.
DATA = os.environ.get('MMSEG_INCREMENTAL_BENCH_VOC')
HEIGHT, WIDTH = 375, 500


def find_or_draw(folder: Path, number: int = 400) -> tuple[Path, str]:
    """Folder of the data and what they are.

    Args:
        folder: Where to draw.
        number: Pictures to draw.

    Returns:
        The folder, and ``'real'`` or ``'drawn'``.
    """
    if DATA:
        return Path(DATA), 'real'
    generator = np.random.default_rng(0)
    for part in ('SegmentationClass', 'JPEGImages', 'ImageSets/Segmentation'):
        (folder / part).mkdir(parents=True)
    noise = generator.integers(0, 255, (24, 32, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((WIDTH, HEIGHT))
    palette = [value for color in color_palette(256) for value in color]
    for i in range(number):
        mask = Image.fromarray(_labels(generator), mode='P')
        mask.putpalette(palette)
        mask.save(folder / 'SegmentationClass' / f'{i}.png')
        picture.save(folder / 'JPEGImages' / f'{i}.jpg', quality=90)
    names = '\n'.join(map(str, range(number)))
    (folder / 'ImageSets' / 'Segmentation' / 'train_aug.txt').write_text(names)
    return folder, f'drawn, {WIDTH}x{HEIGHT}'


def _labels(generator: np.random.Generator) -> np.ndarray:
    """A few ellipses, each with the border of void that the masks of VOC have."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(generator.integers(1, 5)):
        center = generator.integers(0, HEIGHT), generator.integers(0, WIDTH)
        radii = generator.integers(30, 150, 2)
        distance = ((y - center[0]) / radii[0]) ** 2 + ((x - center[1]) / radii[1]) ** 2
        labels[distance < 1.05] = 255
        labels[distance < 1] = generator.integers(1, 21)
    return labels
