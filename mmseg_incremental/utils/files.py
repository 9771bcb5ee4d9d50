"""Files that are either whole or not there, and what they hold in short."""

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InputError

_CHUNK = 1 << 18
_TEMPORARY = re.compile(r'\..+-[a-z0-9_]{8}(\.\w+)?')


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


def remove_temporary(folder: str | os.PathLike, older_than: float = 0.0) -> None:
    """Remove what processes that were killed inside :func:`replace_atomically` left behind.

    Args:
        folder: The folder; it need not exist.
        older_than: Seconds since its last change that a file must have.
    """
    now = time.time()
    for path in Path(folder).glob('.*'):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            with suppress(OSError):  # another process removes it too
                if now - path.stat().st_mtime >= older_than:
                    path.unlink()


def check_can_be_written(path: str | os.PathLike) -> None:
    """Find out before long work whether a file can be made or replaced at its end.

    Args:
        path: The file.

    Raises:
        InputError: If it is a folder, or its folder is missing or cannot be written.
    """
    try:
        with suppress(FileNotFoundError):
            os.stat(path)  # names that no file can have
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with tempfile.NamedTemporaryFile(dir=Path(path).parent, prefix='.writable-'):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise InputError(f'{path}: cannot be written ({reason})') from error


def write_atomically(path: str | os.PathLike, text: str) -> None:
    """Write a text file as a whole or not at all.

    Args:
        path: File to make or replace.
        text: Its content.

    Raises:
        OSError: If the folder cannot be written.
    """
    replace_atomically(path, lambda name: Path(name).write_text(text, encoding='utf-8'))


def file_digest(path: str | os.PathLike, algorithm: str = 'sha256') -> str:
    """Checksum of a file.

    Args:
        path: The file.
        algorithm: A name that ``hashlib`` knows.

    Returns:
        Hexadecimal digits.

    Raises:
        OSError: If the file cannot be read.
    """
    digest = hashlib.new(algorithm)
    with open(path, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def relative_to_common_folder(
    paths: Sequence[str], resolve: Callable[[str], str]
) -> tuple[str, list[str]]:
    """Name files by their place below the folder that they have in common.

    Args:
        paths: At least one file; none needs to exist.
        resolve: Makes a folder's path absolute; called once per folder, since it may be slow.

    Returns:
        The common folder, and the path of every file relative to it.
    """
    parts = [os.path.split(path) for path in paths]
    folders = {folder: resolve(folder) for folder in {folder for folder, _ in parts}}
    common = os.path.commonpath(folders.values())
    below = {
        f: '' if real == common else os.path.relpath(real, common) for f, real in folders.items()
    }
    return common, [os.path.join(below[folder], name) for folder, name in parts]


@contextmanager
def lock_folder(folder: str | os.PathLike) -> Iterator[None]:
    """Keep other processes from working in a folder; the lock ends with the process.

    Args:
        folder: The folder; it must exist.

    Raises:
        InputError: If another process has locked it.
    """
    lock = FileLock(Path(folder, '.lock'))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f'{folder} is in use by another process; wait for it, or choose another --work-dir'
        ) from None
    try:
        yield
    finally:
        lock.release()
