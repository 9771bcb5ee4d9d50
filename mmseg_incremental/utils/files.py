"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def replace_atomically(path: str | os.PathLike, write: Callable[[str], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it to ``path``.

    Args:
        path: File to make or replace.
        write: Called with the name of the temporary file.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.stem}-', suffix=path.suffix)
    os.close(handle)
    try:
        write(name)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_atomically(path: str | os.PathLike, text: str) -> None:
    """Write a text file as a whole or not at all.

    Args:
        path: File to make or replace.
        text: Its content.

    Raises:
        OSError: If the folder cannot be written.
    """
    replace_atomically(path, lambda name: Path(name).write_text(text, encoding='utf-8'))
