"""The file that remembers which labels the masks of a folder hold."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..utils.cache_folder import cache_folder
from ..utils.files import remove_temporary, write_atomically

_VERSION = 5
_ABANDONED = 3600.0  # seconds; another process may be writing a younger one


def index_path(folder: str) -> Path:
    """File in the user's cache folder for the masks below a folder.

    Args:
        folder: Real path of the folder.

    Returns:
        The file; its name ends in a hash of the folder's path.
    """
    stem = re.sub(r'[^\w.]+', '-', '-'.join(Path(folder).parts[-2:])).strip('-')
    digest = hashlib.sha256(folder.encode()).hexdigest()[:12]
    return cache_folder() / 'class_index' / f'{stem}-{digest}.json'


def read_index(folder: str) -> dict[str, dict]:
    """Entries remembered for a folder; none where the file is absent or damaged.

    Args:
        folder: Real path of the folder.

    Returns:
        Path of a mask relative to the folder -> its ``state``, ``labels`` and ``size``.
    """
    try:
        content = json.loads(index_path(folder).read_text(encoding='utf-8'))
        entries = content['entries']
        found = content['version'], content['folder'], content['digest']
        # a damaged entry may look like a sound one, and would change which pictures a step sees
        return entries if found == (_VERSION, folder, _digest(entries)) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # the masks are read again


def write_index(folder: str, entries: Mapping[str, dict]) -> None:
    """Remember entries; where the cache cannot be written, every run reads the masks.

    Args:
        folder: Real path of the folder.
        entries: As :func:`read_index` returns them.
    """
    path = index_path(folder)
    content = {'version': _VERSION, 'folder': folder, 'digest': _digest(entries)}
    text = json.dumps({**content, 'entries': entries})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_temporary(path.parent, older_than=_ABANDONED)
        write_atomically(path, text)
    except OSError:
        return


def _digest(entries: Mapping[str, dict]) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
