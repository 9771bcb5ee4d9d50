"""The file that says which pictures of earlier steps are remembered."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..utils.files import write_atomically

_VERSION = 1


class Candidate(NamedTuple):
    """A picture that is, or may be, remembered.

    Args:
        picture: Its name, as ``StepDataset.picture_names`` has it.
        classes: Classes (labels of the task) that are known to be in it.
        steps: Steps whose labels of the picture are known, ascending.
    """

    picture: str
    classes: frozenset[int]
    steps: tuple[int, ...]


def write_memory(path: str | os.PathLike, pictures: Sequence[Candidate]) -> None:
    """Write the remembered pictures, in their order.

    Args:
        path: The JSON file.
        pictures: The pictures.

    Raises:
        OSError: If the folder cannot be written.
    """
    entries = [
        dict(picture=entry.picture, steps=list(entry.steps), classes=sorted(entry.classes))
        for entry in pictures
    ]
    write_atomically(path, json.dumps({'version': _VERSION, 'pictures': entries}, indent=1))


def read_memory(path: str | os.PathLike) -> list[Candidate]:
    """Read the remembered pictures.

    Args:
        path: The JSON file.

    Returns:
        The pictures in the order of the file.

    Raises:
        InputError: If the file is missing, damaged or of another version.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        version, entries = content['version'], content['pictures']
        pictures = [_candidate(entry) for entry in entries] if version == _VERSION else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{path}: the list of remembered pictures cannot be read ({type(error).__name__}: '
            f'{error}); train the step before again'
        ) from error
    if version != _VERSION:
        raise InputError(
            f'{path}: version {version!r} of the list of remembered pictures; '
            f'this package reads {_VERSION}'
        )
    counts = Counter(entry.picture for entry in pictures)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise InputError(f'{path}: {twice[0]} is listed twice')
    return pictures


def _candidate(entry: dict) -> Candidate:
    picture, classes, steps = entry['picture'], entry['classes'], entry['steps']
    whole = all(type(number) is int and number >= 0 for number in (*classes, *steps))
    if not (isinstance(picture, str) and picture and steps and whole):
        raise ValueError(f'bad entry {entry}')
    return Candidate(picture, frozenset(classes), tuple(steps))
