"""What someone may have meant by a name that does not exist."""

import difflib
from collections.abc import Iterable


def close_names(name: str, known: Iterable[str], always_all: bool = False) -> str:
    """The names that are close to one, as a question; all names where none is close.

    Args:
        name: A name that is none of the known ones.
        known: What there is.
        always_all: Whether all names follow the question too.

    Example:
        >>> close_names('plopp', ['ft', 'mib', 'plop'])
        'did you mean plop?'
        >>> close_names('MiB', ['ft', 'mib', 'plop'])
        'did you mean mib?'
        >>> close_names('x', ['ft', 'mib', 'plop'])
        'known names: ft, mib, plop'
    """
    known = list(known)
    everything = f'known names: {", ".join(known)}'
    folded = {one.lower(): one for one in known}
    close = [folded[one] for one in difflib.get_close_matches(name.lower(), folded, n=3)]
    if not close:
        return everything
    question = f'did you mean {" or ".join(close)}?'
    return f'{question} {everything}' if always_all else question
