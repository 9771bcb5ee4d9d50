"""Step 0 of another sequence: methods of one task share it, so it is trained once."""

import os
from collections.abc import Mapping
from pathlib import Path

from .checkpoint import load_step_checkpoint, write_checkpoint
from .safe_loading import load_checkpoint
from .stored_config import PLAIN_CONFIG
from .work_dir import WorkDir


def find_base(path: str | os.PathLike, sequence: Mapping) -> str:
    """Checkpoint of step 0 in a finished sequence that this one can go on from.

    Args:
        path: Work dir of the other sequence, or its ``step_0.pth``.
        sequence: Description of this sequence.

    Returns:
        Path of the checkpoint.

    Raises:
        CheckpointError: If there is none, or its classes are not those of this one's step 0.
    """
    path = Path(path)
    path = WorkDir(path).checkpoint(0) if path.is_dir() else path
    load_step_checkpoint(path, sequence, 0)
    return str(path)


def take_base(
    source: str,
    target: str | os.PathLike,
    sequence: Mapping,
    stands_for: str,
    plain_config: object = None,
) -> None:
    """Copy step 0 of another sequence into this one, and note where it came from.

    Args:
        source: ``step_0.pth`` of the other sequence.
        target: ``step_0.pth`` of this one.
        sequence: Description of this sequence.
        stands_for: Fingerprint of the step 0 that this sequence would have trained.
        plain_config: Stock mmseg's config of this sequence's step 0, as data.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        OSError: If the folder cannot be written.
    """
    content = load_step_checkpoint(source, sequence, 0)
    content['meta'].update(sequence=dict(sequence), taken_from=source, stands_for=stands_for)
    if plain_config:
        content['meta'][PLAIN_CONFIG] = plain_config
    write_checkpoint(target, content)


def saved_fingerprint(path: str | os.PathLike) -> str | None:
    """Fingerprint of a finished step, or None where its checkpoint does not tell.

    Args:
        path: ``step_T.pth``.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    return (load_checkpoint(path).get('meta') or {}).get('fingerprint')


def is_outdated(path: str | os.PathLike, fingerprint: str) -> bool:
    """Whether a finished step is not what the config would train now.

    Args:
        path: ``step_T.pth``. One that was taken from another sequence is up to date as long as
            the config still asks for the step that it stands for.
        fingerprint: Fingerprint of the step by config and data.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    meta = load_checkpoint(path).get('meta') or {}
    return meta.get('stands_for', meta.get('fingerprint')) != fingerprint
