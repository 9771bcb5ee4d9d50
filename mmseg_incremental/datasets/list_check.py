"""What is wrong with a list of picture ids."""

import os
from collections import Counter


def list_problem(path: str) -> str:
    """Check a list before mmseg reads it.

    Args:
        path: A text file with an id a line; blank lines do not count.

    Returns:
        What is wrong, or an empty text.
    """
    if os.path.isdir(path):
        return f'{path} is a folder; a list is a text file with the id of a picture in each line'
    if not os.path.isfile(path):
        return f'{path} is no regular file'
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read()
    except UnicodeDecodeError as error:
        return f'{path} is not in UTF-8 (byte {error.start}); save the list as UTF-8'
    except OSError as error:
        return f'{path} cannot be read ({error.strerror})'
    if '\0' in text:
        return f'{path} holds a NUL character, so it is no list in UTF-8'
    if text.startswith('\ufeff'):
        return f'{path} begins with a byte order mark; save the list as UTF-8 without one'
    return ''


def repeated_problem(path: str) -> str:
    """Say which ids a list that can be read has more than once.

    Their pictures would count twice, in training and in every score.

    Args:
        path: The list.

    Returns:
        What is wrong, or an empty text.
    """
    with open(path, encoding='utf-8') as file:
        counts = Counter(line.strip() for line in file if line.strip())
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        return f'{path} has {len(repeated)} ids more than once, the first is {repeated[0]}'
    return ''
