"""Checked downloads: a file appears under its name only when its checksum is right."""

import hashlib
import http.client
import os
import re
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..errors import InputError
from .files import file_digest, replace_atomically

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 60


class DownloadError(InputError):
    """A file could not be downloaded, or it is not the expected one."""


def download(
    url: str,
    path: str | os.PathLike,
    *,
    sha256_prefix: str | None = None,
    md5: str | None = None,
) -> Path:
    """Download a file unless it is there already.

    The data goes to a new file beside it, which gets its final name once the checksum has been
    verified and is deleted when anything goes wrong.

    Args:
        url: What to download.
        path: Where to put it; missing folders are made.
        sha256_prefix: First hexadecimal digits of the SHA-256 sum, at least eight.
        md5: The complete MD5 sum. Exactly one of the two checksums is needed.

    Returns:
        The path of the verified file.

    Raises:
        DownloadError: If the server does not deliver the file, the transfer breaks off, the
            checksum differs, or another file is at ``path`` already.
        ValueError: If not exactly one well-formed checksum is given.
    """
    algorithm, expected = _checksum(sha256_prefix, md5)
    path = Path(path)
    if path.is_dir():
        raise DownloadError(f'{path} is a folder; give the name of a file')
    if path.exists():
        found = file_digest(path, algorithm)
        if not found.startswith(expected):
            raise DownloadError(
                f'{path} exists, but its {algorithm} is {found}, expected {expected}; '
                'move it away to download the file again'
            )
        return path

    def fetch(part: str) -> None:
        found = _fetch(url, part, path.name, algorithm)
        if not found.startswith(expected):
            raise DownloadError(
                f'{url} has the wrong checksum: expected {algorithm} {expected}, got {found}'
            )

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # under a name that nobody knows beforehand, so that no link can wait there
        replace_atomically(path, fetch)
    except DownloadError:
        raise
    # a text that is no address is a ValueError
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DownloadError(f'cannot download {url}: {error}') from error
    return path


def _checksum(sha256_prefix: str | None, md5: str | None) -> tuple[str, str]:
    if (sha256_prefix is None) == (md5 is None):
        raise ValueError('give exactly one of sha256_prefix and md5')
    if md5 is not None:
        algorithm, expected, pattern = 'md5', md5.lower(), '[0-9a-f]{32}'
    else:
        algorithm, expected, pattern = 'sha256', sha256_prefix.lower(), '[0-9a-f]{8,64}'
    if not re.fullmatch(pattern, expected):
        raise ValueError(f'{expected!r} is not a checksum of the form {pattern}')
    return algorithm, expected


def _fetch(url: str, part: str, title: str, algorithm: str) -> str:
    """Stream ``url`` into ``part`` and return the checksum of what arrived."""
    digest = hashlib.new(algorithm)
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,
        open(part, 'wb') as file,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        length = response.headers.get('Content-Length')
        total = int(length) if length and length.isdecimal() else None
        task = progress.add_task(title, total=total)
        received = 0
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            progress.update(task, completed=received)
    # Python before 3.12 ends a broken connection like a complete one.
    if total is not None and received != total:
        raise DownloadError(f'{url} broke off after {received} of {total} bytes')
    return digest.hexdigest()
