"""Masks of label values, written as data sets have them."""

from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from ...errors import InputError
from ...utils.palette import color_palette
from .base import MaskSource


def write_masks(source: MaskSource, target: str | Path) -> int:
    """Write the masks of a source as PNG files with a palette.

    Args:
        source: The source.
        target: Folder; the masks have the names of the pictures.

    Returns:
        Their number.

    Raises:
        InputError: If an annotation cannot be used, or a mask is there already.
        OSError: If a file cannot be written.
    """
    palette = np.ravel(color_palette(256)).tolist()
    for stem, values in track(source.masks(), 'writing masks', len(source), transient=True):
        out = Path(target, f'{stem}.png')
        if out.exists():  # two pictures of one name, or somebody's masks
            raise InputError(f'{out} is there already; choose another folder, or remove it')
        out.parent.mkdir(parents=True, exist_ok=True)
        mask = Image.fromarray(values)
        mask.putpalette(palette)
        mask.save(out)
    return len(source)
