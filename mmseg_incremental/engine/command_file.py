"""The commands that made a work dir."""

import os
import shlex
import sys
from datetime import datetime, timezone


def keep_command(path: str | os.PathLike) -> None:
    """Add this process's command line, so that it can be called again.

    Args:
        path: The file; one line per run, with the time (UTC, ISO 8601).

    Raises:
        OSError: If it cannot be written.
    """
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    with open(path, 'a', encoding='utf-8') as file:
        file.write(f'{now} {shlex.join(sys.orig_argv)}\n')
