"""Lines for whoever watches a run."""

from mmengine.dist import is_main_process

from ..utils.console import get_console


def say(text: str) -> None:
    """Print a line, of several processes on the main one."""
    if is_main_process():
        get_console().print(text, soft_wrap=True)
