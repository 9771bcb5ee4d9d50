"""Annotations in a folder that must become masks first."""

import json
import shlex
from pathlib import Path

from ..datasets.layout import MASK_FOLDERS, MASKS_MADE, PICTURE_SUFFIXES
from ..errors import InputError
from ..utils.arguments import PROGRAM
from .mask_sources import CocoMasks, ColorMasks, MaskSource, find_mask_source


def find_annotations(root: Path) -> list[MaskSource]:
    """What lies in a folder in place of masks of label values.

    Args:
        root: The folder.

    Returns:
        Every file of COCO, such as one for each split; otherwise the first folder of another kind.

    Raises:
        InputError: If they are broken.
    """
    files = [file for file in sorted(root.glob('**/*.json')) if _is_coco(file)]
    if files:
        return [find_mask_source(file) for file in files]
    for folder in [*(root / name for name in MASK_FOLDERS if (root / name).is_dir()), root]:
        try:
            return [find_mask_source(folder)]
        except InputError:
            continue
    return []


def _is_coco(file: Path) -> bool:
    try:
        return CocoMasks.fits(json.loads(file.read_text(encoding='utf-8')))
    except (OSError, ValueError, RecursionError):
        return False


def making_command(root: Path, source: MaskSource) -> str:
    """The command that makes masks of annotations, each colour with the value that it gets."""
    words = [PROGRAM, 'make-masks', source.path, str(root / MASKS_MADE)]
    if isinstance(source, ColorMasks):
        words.append('--label-colors')
        words += [f'{v}={",".join(map(str, color))}' for color, v in source.colors.items()]
    return shlex.join(words)


def layout_with_masks(root: Path, source: MaskSource) -> dict:
    """Layout of a folder once the masks are made, as ``find_layout`` gives it.

    Args:
        root: The folder.
        source: Its annotations, one at least.

    Raises:
        InputError: If there is no picture for the first of them.
    """
    stem, _ = next(source.masks())
    for suffix in PICTURE_SUFFIXES:
        for picture in sorted(root.rglob(f'{Path(stem).name}{suffix}')):
            folder = picture.relative_to(root).as_posix().removesuffix(f'{stem}{suffix}')
            if not (source.looks_like_pictures and picture.is_relative_to(source.path)):
                return dict(
                    data_prefix=dict(img_path=folder.rstrip('/'), seg_map_path=MASKS_MADE),
                    img_suffix=suffix,
                    seg_map_suffix='.png',
                )
    raise InputError(f'{root}: no picture {stem} ({", ".join(PICTURE_SUFFIXES)})')
