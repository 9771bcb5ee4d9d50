"""What the channels of a step's logits stand for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Channels:
    """Channels of the logits of a step, in their order: old, new, extra.

    Every part of a method that depends on the number of classes is told it by this value.

    Args:
        num_old: Number K of channels of the step before, background included; 0 at step 0.
        num_new: Number of channels that the step adds; at step 0 the background is one of them.
        extra: Names of the channels beside the classes, which come last, one name per channel.
        background: Whether channel 0 is the background.

    Example:
        >>> channels = Channels(num_old=16, num_new=5)
        >>> channels.num_classes, channels.total
        (21, 21)
    """

    num_old: int
    num_new: int
    extra: tuple[str, ...] = ()
    background: bool = True

    @property
    def num_classes(self) -> int:
        """Number C of channels that are classes, background included."""
        return self.num_old + self.num_new

    @property
    def total(self) -> int:
        """Number of all channels."""
        return self.num_classes + len(self.extra)
