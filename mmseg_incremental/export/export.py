"""A finished step, written in a format and compared with the network."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..models.folding import fold_batch_norm
from ..sequence.finished_step import find_checkpoints, read_finished_step
from ..utils.files import check_can_be_written, replace_atomically
from .compare import differing_share, made_up_pictures
from .formats import Format
from .labeller import Labeller, check_exportable

#: Rounding decides between labels that are about equally likely; more than this is another cause.
_TOLERANCE = 0.005


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        step: The step.
        num_pictures: How many pictures it was compared on.
        differing: Share of their pixels that the file labels otherwise than the network, 0 to 1.
    """

    step: int
    num_pictures: int
    differing: float


def export_step(
    path: str | os.PathLike,
    out: str | os.PathLike,
    format: Format,
    step: int | None = None,
    size: tuple[int, int] | None = None,
    fold: bool = True,
    pictures: Sequence[np.ndarray] = (),
) -> Exported:
    """Write a finished step for inference, and run the file to compare it with the network.

    Whatever the format, the file takes pictures, uint8 of shape (N, 3, H, W) with the channels
    blue, green, red, and returns labels, uint8 of shape (N, H, W). ``metadata.json`` in it tells
    the classes and the palette. A file that labels otherwise is not kept.

    Args:
        path: A ``step_T.pth``, or a work dir. Nothing in it is executed.
        out: The file to write.
        format: An :class:`ExportedProgram`, :class:`Onnx` or :class:`TorchScript`.
        step: The step of a work dir, counted from the last if negative. Defaults to the last.
        size: Height and width, if they are to be fixed. Defaults to any.
        fold: Whether batch normalisation is folded into the convolutions, which is faster and
            changes labels only where rounding decides.
        pictures: To compare on, uint8 of shape (H, W, 3), blue, green, red, of the fixed size if
            there is one. Defaults to made-up ones.

    Returns:
        How the file compares.

    Raises:
        InputError: If a file cannot be used, the network cannot be exported, or the exported one
            labels otherwise.
    """
    check_can_be_written(out)
    if size and min(size) < 1:
        raise InputError(f'size must be height and width in pixels, got {size}')
    if size and (other := {p.shape[:2] for p in pictures} - {tuple(size)}):
        raise InputError(f'the pictures must have the fixed size {size}, some have {min(other)}')
    format.check()
    ((number, checkpoint),) = find_checkpoints(path, -1 if step is None else step).items()
    finished = read_finished_step(checkpoint)
    check_exportable(finished)
    model = finished.build()
    network = Labeller(
        fold_batch_norm(model) if fold else model, finished.config.model.data_preprocessor
    ).eval()
    metadata = dict(classes=finished.classes, palette=finished.palette, size=size)
    pictures = pictures or made_up_pictures(*[[size]] * bool(size))
    shares = []

    def write(name: str) -> None:
        format.save(network, size, metadata, name)
        labels, _ = format.load(name)
        shares.append(_checked(differing_share(model, labels, pictures), out))

    replace_atomically(Path(out), write)
    return Exported(number, len(pictures), shares[0])


def _checked(share: float, out: str | os.PathLike) -> float:
    if share > _TOLERANCE:
        raise InputError(
            f'{out}: not written, since it would label {100 * share:.2f} % of the pixels otherwise '
            'than the network; try another --format, --size H W or --no-fold'
        )
    return share
