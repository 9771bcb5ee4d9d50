"""What a user names as input: a picture, a folder, a glob, or a video."""

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import mmcv
import numpy as np

from ..errors import InputError

PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.webm')


@dataclass(frozen=True)
class Input:
    """Pictures, or the frames of a video, which are read again at every pass.

    Args:
        names: A name for each, unlike all others, to name files after.
        read: Gives them one after the other, uint8 of shape (H, W, 3), blue, green, red.
        frames_per_second: Of a video; None for pictures.
    """

    names: tuple[str, ...]
    read: Callable[[], Iterator[np.ndarray]]
    frames_per_second: float | None = None


def find_input(source: str | os.PathLike) -> Input:
    """Look up what a user named.

    Args:
        source: A file, a folder (pictures right in it) or a glob.

    Returns:
        What is to be read.

    Raises:
        InputError: If there is nothing, or a file is neither picture nor video.
    """
    path = Path(source)
    if path.is_file() and path.suffix.lower() in VIDEOS:
        return _video(path)
    paths = find_pictures(source)
    stems = [one.stem for one in paths]
    names = [one.name if stems.count(one.stem) > 1 else one.stem for one in paths]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f'{source}: {twice} is there twice, in two folders; take one at a time')
    return Input(tuple(names), lambda: map(read_picture, paths))


def find_pictures(source: str | os.PathLike) -> list[Path]:
    """Files of pictures.

    Args:
        source: A picture, a folder (pictures right in it) or a glob.

    Returns:
        At least one, sorted.

    Raises:
        InputError: If there is none, or a file that was named is none.
    """
    path = Path(source)
    if path.is_file():
        if path.suffix.lower() not in PICTURES:
            raise InputError(f'{source}: neither a picture ({_list(PICTURES)}) nor a video '
                             f'({_list(VIDEOS)})')  # fmt: skip
        return [path]
    found = path.iterdir() if path.is_dir() else map(Path, glob.glob(str(source), recursive=True))
    paths = sorted(one for one in found if one.suffix.lower() in PICTURES and one.is_file())
    if not paths:
        raise InputError(f'{source}: no picture there ({_list(PICTURES)}){_below(path)}')
    return paths


def _below(folder: Path) -> str:
    """Where pictures lie, if they lie deeper."""
    found = folder.rglob('*') if folder.is_dir() else ()
    first = next((one for one in found if one.suffix.lower() in PICTURES), None)
    return f'; there are some in {first.parent}' if first else ''


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Read a picture as mmseg's pipelines do.

    Args:
        path: The file.

    Returns:
        uint8 of shape (H, W, 3), blue, green, red.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        picture = mmcv.imread(str(path))
    except (cv2.error, OSError, ValueError) as error:
        raise InputError(f'{path}: no picture that can be read ({error})') from error
    if picture is None:
        raise InputError(f'{path}: no picture that can be read')
    return picture


def _video(path: Path) -> Input:
    video = mmcv.VideoReader(str(path))
    number = video.frame_cnt
    if number < 1 or not video.fps or video.read() is None:
        raise InputError(f'{path}: no video that can be read')
    digits = len(str(number))
    names = tuple(f'{path.stem}_{frame + 1:0{digits}}' for frame in range(number))
    return Input(names, lambda: iter(mmcv.VideoReader(str(path))), video.fps)


def _list(suffixes: tuple[str, ...]) -> str:
    return ' '.join(suffix[1:] for suffix in suffixes)
