"""Trying something without taking more memory than there is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KIB = 1024
# Stacks and arenas of threads are address space without being memory: a machine that is nearly full
# still trains what is small
_LEAST = 4 << 30


@contextmanager
def within_free_memory() -> Iterator[None]:
    """Let what asks for more memory than is free fail, in place of being killed by the system.

    On Linux the address space of the process is bounded meanwhile, to no less than 4 GiB more than
    it has; elsewhere nothing is done.

    Raises:
        MemoryError: Or what a library makes of it, where more is asked for.
    """
    if sys.platform != 'linux':
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    free = max(_entry('/proc/meminfo', 'MemAvailable'), _LEAST)
    most = _entry('/proc/self/status', 'VmSize') + free
    bounds = [limit for limit in (soft, hard, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _entry(path: str, name: str) -> int:
    """A value of a file of the kernel in bytes."""
    lines = Path(path).read_text(encoding='ascii').splitlines()
    return next(int(line.split()[1]) * _KIB for line in lines if line.startswith(f'{name}:'))
