"""Which kind of annotations lies in a place."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ...errors import InputError, told_as
from .base import MaskSource
from .class_folders import ClassFolders, is_binary
from .coco import CocoMasks
from .colors import Color, ColorMasks
from .labelme import LabelmeMasks


def find_mask_source(path: str | Path, colors: Mapping[Color, int] | None = None) -> MaskSource:
    """Find out what annotations are.

    Args:
        path: A COCO file; a folder of JSON files of labelme, of PNG masks in colours, or of
            folders of binary PNG masks, one for each class.
        colors: Colour to label value, for masks in colours.

    Raises:
        InputError: If it is nothing of that.
    """
    path = Path(path)
    if path.is_file():
        _need_no_colors(path, colors)
        with told_as(f'{path} cannot be read as JSON'):
            content = json.loads(path.read_text(encoding='utf-8'))
        if CocoMasks.fits(content):
            return CocoMasks(str(path), content)
        raise InputError(
            f'{path}: no annotations of COCO, which hold images, annotations and categories'
        )
    if not path.is_dir():
        raise InputError(f'{path}: not found')
    return _in_folder(path, colors)


def _in_folder(path: Path, colors: Mapping[Color, int] | None) -> MaskSource:
    if shapes := [file for file in sorted(path.rglob('*.json')) if _has_shapes(file)]:
        _need_no_colors(path, colors)
        # names are those within the folder that holds them all, as those of the pictures are
        return LabelmeMasks(os.path.commonpath([shape.parent for shape in shapes]), shapes)
    masks = sorted(path.rglob('*.png'))
    folders = sorted(folder for folder in path.iterdir() if any(folder.rglob('*.png')))
    if masks and (colors is not None or ColorMasks.fits(masks[0])):
        return ColorMasks(str(path), masks, colors)
    if len(folders) > 1 and all(is_binary(next(folder.rglob('*.png'))) for folder in folders):
        return ClassFolders(str(path), folders)
    raise InputError(
        f'{path}: neither shapes of labelme (.json), nor masks of colours (.png), nor a folder of '
        'binary masks for each class'
    )


def _need_no_colors(path: Path, colors: Mapping[Color, int] | None) -> None:
    if colors is not None:
        raise InputError(f'{path}: --label-colors is for masks of colours, which these are not')


def _has_shapes(file: Path) -> bool:
    try:
        return LabelmeMasks.fits(json.loads(file.read_text(encoding='utf-8')))
    except (ValueError, RecursionError):
        return False
