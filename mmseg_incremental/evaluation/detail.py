"""What an evaluation found beside its percentages: who is taken for whom, and in which pictures."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..utils.files import write_atomically

#: Version of the layout, described in docs/results.md.
_SCHEMA = 1
_DIGITS = 2


@dataclass(frozen=True, eq=False)
class EvaluationDetail:
    """Of one evaluation.

    Args:
        classes: Name of every label.
        confusion: Numbers of pixels, shape (K, K); rows are labels, columns predictions.
        pictures: Path of each picture to the IoU (%) of every class that it shows, background
            included, by position in ``classes``.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    pictures: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    def save(self, path: str | os.PathLike) -> None:
        """Write the file: the pictures' common folder once, and IoU to two digits.

        Raises:
            OSError: If the folder cannot be written.
        """
        named = {os.path.normpath(name): iou for name, iou in sorted(self.pictures.items())}
        folder = os.path.commonpath(map(os.path.dirname, named)) if named else ''
        pictures = {
            os.path.relpath(name, folder or '.'): {k: round(v, _DIGITS) for k, v in iou.items()}
            for name, iou in named.items()
        }
        content = dict(
            schema=_SCHEMA,
            classes=self.classes,
            confusion=self.confusion.tolist(),
            folder=folder,
            pictures=pictures,
        )
        write_atomically(path, json.dumps(content, separators=(',', ':')) + '\n')

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'EvaluationDetail':
        """Read the file.

        Raises:
            InputError: If it is not there, damaged or of another version.
        """
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            if content['schema'] != _SCHEMA:
                raise ValueError(f'its schema is not {_SCHEMA}')
            classes = tuple(map(str, content['classes']))
            confusion = np.array(content['confusion'], dtype=np.int64)
            if confusion.shape != (len(classes),) * 2:
                raise ValueError('its confusion matrix does not fit its classes')
            pictures = {
                os.path.join(content['folder'], name): {int(k): float(v) for k, v in iou.items()}
                for name, iou in content['pictures'].items()
            }
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f'{path}: not the detail of an evaluation ({error})') from error
        return cls(classes, confusion, pictures)


def forgotten_pictures(details: Mapping[int, EvaluationDetail]) -> dict[str, float]:
    """How much of what each picture shows was forgotten until the last step.

    Args:
        details: Step to its evaluation.

    Returns:
        Path of the picture to percentage points, most forgotten first: the mean over the classes
        it shows, background left out, that an earlier step knew, of the best earlier IoU minus
        the last. Pictures without such a class are left out.
    """
    *earlier, last = sorted(details)
    found = {}
    for name, now in details[last].pictures.items():
        before = [details[step].pictures.get(name, {}) for step in earlier]
        lost = [
            max(known) - now[label]
            for label in now
            if label and (known := [iou[label] for iou in before if label in iou])
        ]
        if lost:
            found[name] = sum(lost) / len(lost)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
