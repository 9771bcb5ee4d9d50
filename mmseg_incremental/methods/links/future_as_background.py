"""Decisions among all classes, in which those to come are background."""

from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...models.channels import Channels


@TASK_UTILS.register_module()
class FutureAsBackground:
    """Let the channels of future classes compete, and call a pixel that they win background.

    DFT*'s code takes the largest of all channels, future ones included, which its confusion matrix
    of seen classes does not expect; a class that is not learnt yet is background.

    Example:
        >>> import torch
        >>> logits = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)  # '1' is a future step
        >>> FutureAsBackground()(logits, Channels(0, 2, extra=('1',))).flatten().tolist()
        [3.0, 2.0]
    """

    needs_background = True

    def __call__(self, logits: Tensor, channels: Channels) -> Tensor:
        """Turn logits into scores.

        Args:
            logits: Logits (N, C + E, H, W).
            channels: What their channels stand for; an extra one that is named by a step's number
                is a future class.

        Returns:
            Scores (N, C, H, W); the background's is the largest one of it and the future classes.
        """
        first = channels.num_classes
        future = [first + place for place, name in enumerate(channels.extra) if name.isdigit()]
        scores = logits[:, :first].clone()
        scores[:, 0] = logits[:, [0, *future]].amax(1)
        return scores
