"""An interrupt while a command still imports what it needs is one line; imported first."""

import sys
from types import TracebackType

_show = sys.excepthook


def _excepthook(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print('interrupted', file=sys.stderr)
    else:
        _show(kind, error, traceback)


sys.excepthook = _excepthook
