"""Predictions written to a folder: label maps, areas, and pictures to look at."""

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.progress import track

from ..errors import InputError
from ..utils.files import replace_atomically
from ..visualization.overlay import Overlay
from .inferencer import IncrementalInferencer
from .inputs import Input

AREAS = 'areas.csv'
_COLUMNS = ('picture', 'step', 'class', 'pixels', 'share')


def predict(
    steps: Mapping[int, Path],
    given: Input,
    out: str | os.PathLike,
    batch_size: int = 1,
    device: str | None = None,
    opacity: float = 0.6,
) -> list[Path]:
    """Label pictures with one step or several.

    One step after the other labels all pictures, so that one network is in memory at a time;
    then they are drawn.

    Args:
        steps: Step to checkpoint.
        given: The pictures.
        out: Folder; made if it is not there. It gets ``labels/step_T/NAME.png`` (indexed, values
            are positions in the step's classes), ``areas.csv`` (picture, step, class, pixels,
            share from 0 to 1) and ``overlays/NAME.png``, of a video ``overlays.mp4``.
        batch_size: Pictures at a time, where neighbours have the same size.
        device: Such as ``'cuda:0'``. Defaults to what the machine has.
        opacity: Of the overlay, 0 to 1.

    Returns:
        What was written, files and folders.

    Raises:
        InputError: If a step or a picture cannot be used, or the folder cannot be written.
    """
    out = Path(out)
    rows = []
    overlay = None
    for step, checkpoint in steps.items():
        inferencer = IncrementalInferencer(checkpoint, device=device)
        folder = _folder(out / 'labels' / f'step_{step}')
        maps = inferencer.label_maps(given.read(), batch_size)
        for name, labels in _with_progress(given, maps, f'step {step}'):
            _write_labels(folder / f'{name}.png', labels, inferencer.palette)
            rows += _areas(name, step, inferencer.classes, labels)
        if overlay is None or len(inferencer.classes) > len(overlay.classes):
            overlay = Overlay(inferencer.classes, inferencer.palette, opacity)
    replace_atomically(out / AREAS, lambda path: _write_rows(path, rows))
    drawings = _draw(given, out, list(steps), overlay)
    if given.frames_per_second is None:
        drawn = _folder(out / 'overlays')
        for name, drawing in drawings:
            Image.fromarray(drawing).save(drawn / f'{name}.png')
    else:
        drawn = out / 'overlays.mp4'
        _write_video(drawn, drawings, given.frames_per_second)
    return [drawn, out / 'labels', out / AREAS]


def _with_progress(given: Input, values: Iterator, what: str) -> Iterator[tuple[str, np.ndarray]]:
    pairs = zip(given.names, values, strict=False)  # a video may end before its stated length
    return iter(track(pairs, description=what, total=len(given.names)))


def _areas(name: str, step: int, classes: tuple[str, ...], labels: np.ndarray) -> list[tuple]:
    counts = np.bincount(labels.ravel(), minlength=len(classes)).tolist()
    return [
        (name, step, class_name, count, f'{count / labels.size:.6f}')
        for class_name, count in zip(classes, counts, strict=True)
    ]


def _draw(
    given: Input, out: Path, steps: list[int], overlay: Overlay
) -> Iterator[tuple[str, np.ndarray]]:
    is_video = given.frames_per_second is not None
    for name, picture in _with_progress(given, given.read(), 'drawing'):
        maps = {
            f'after step {step}': np.asarray(Image.open(out / f'labels/step_{step}/{name}.png'))
            for step in steps
        }
        yield name, overlay.draw(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), maps, is_video)


def _write_labels(path: Path, labels: np.ndarray, palette: tuple[tuple[int, ...], ...]) -> None:
    image = Image.fromarray(labels)
    image.putpalette([value for color in palette for value in color])
    image.save(path)


def _write_rows(path: str, rows: list[tuple]) -> None:
    with open(path, 'w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([_COLUMNS, *rows])


def _write_video(path: Path, drawings: Iterator[tuple[str, np.ndarray]], rate: float) -> None:
    writer = None
    with ExitStack() as closing:
        for _, drawing in drawings:
            if writer is None:
                size = drawing.shape[1], drawing.shape[0]
                code = cv2.VideoWriter.fourcc(*'mp4v')
                writer = cv2.VideoWriter(str(path), code, rate, size)
                closing.callback(writer.release)
                if not writer.isOpened():
                    raise InputError(f'{path}: OpenCV cannot write this video')
            writer.write(cv2.cvtColor(drawing, cv2.COLOR_RGB2BGR))


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{path}: folder cannot be made ({error.strerror})') from error
    return path
