"""Less noise from the mm packages."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

#: Warnings about choices that are made on purpose, or about optional parts not needed here.
_KNOWN = (
    'Fail to import',
    'Default ``avg_non_ignore`` is False',
    'Setting (OMP|MKL)_NUM_THREADS',
    '`broadcast_buffers` is deprecated',
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide what the body prints, and logs below a warning; errors still show."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def ignore_known_warnings() -> None:
    """Hide warnings that a user can do nothing about."""
    for message in _KNOWN:
        warnings.filterwarnings('ignore', message=message)
