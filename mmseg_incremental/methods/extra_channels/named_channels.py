"""The same channels beside the classes at every step."""

from collections.abc import Mapping

from mmseg.registry import TASK_UTILS

from ...tasks import Task


@TASK_UTILS.register_module()
class NamedChannels:
    """Channels by name, such as the unknown class of SSUL or the auxiliary one of DKD.

    Args:
        channels: Name to number of channels.

    Example:
        >>> task = Task('pets', 'tiny', ('cat', 'dog'), ((1,), (2,)))
        >>> NamedChannels(channels=dict(unknown=1))(task, step=1)
        {'unknown': 1}
    """

    def __init__(self, channels: Mapping[str, int]) -> None:
        self.channels = dict(channels)

    def __call__(self, task: Task, step: int) -> dict[str, int]:
        """Name the extra channels of a step; see the class."""
        return dict(self.channels)
