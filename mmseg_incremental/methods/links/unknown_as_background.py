"""Decisions of SSUL: what is unknown is background."""

from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...models.channels import Channels
from ...models.losses.utils import at_least_float32


@TASK_UTILS.register_module()
class UnknownAsBackground:
    """Score every class by its sigmoid, the background by its own plus that of ``unknown``.

    Source: SSUL, NeurIPS 2021, section 3.2, as its code has it; the sum may exceed 1.

    Example:
        >>> import torch
        >>> logits = torch.tensor([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1)
        >>> UnknownAsBackground()(logits, Channels(0, 2, extra=('unknown',))).argmax(1).item()
        0
    """

    needs_background = True

    def __call__(self, logits: Tensor, channels: Channels) -> Tensor:
        """Turn logits into scores.

        Args:
            logits: Logits (N, C + E, H, W).
            channels: What their channels stand for; ``unknown`` is one of the extra ones.

        Returns:
            Scores (N, C, H, W), float32 or float64.

        Raises:
            ValueError: If there is no channel ``unknown``.
        """
        sigmoid = at_least_float32(logits).sigmoid()
        scores = sigmoid[:, : channels.num_classes]
        scores[:, 0] += sigmoid[:, channels.num_classes + channels.extra.index('unknown')]
        return scores
