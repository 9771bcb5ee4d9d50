"""Where this package keeps what it can find again."""

import os
from pathlib import Path

import platformdirs

VARIABLE = 'MMSEG_INCREMENTAL_CACHE'


def cache_folder() -> Path:
    """Folder for what was computed once and may be deleted at any time.

    Returns:
        What the environment variable ``MMSEG_INCREMENTAL_CACHE`` names, otherwise the folder that
        the system has for a user's caches. It need not exist.
    """
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path('mmseg-incremental')
