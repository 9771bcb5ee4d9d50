"""Decisions of DKD: the best class where a sigmoid says yes, background elsewhere."""

from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...models.channels import Channels


@TASK_UTILS.register_module()
class SigmoidOrBackground:
    """Score the classes by their logits and the background by 0, at which a sigmoid is 0.5.

    The logit of the background and extra channels are not read.

    Source: Baek et al., DKD, NeurIPS 2022, section 3.4.

    Example:
        >>> import torch
        >>> logits = torch.tensor([9.0, -1.0, -2.0]).reshape(1, 3, 1, 1)
        >>> SigmoidOrBackground()(logits, Channels(0, 3)).flatten().tolist()
        [0.0, -1.0, -2.0]
    """

    needs_background = True

    def __call__(self, logits: Tensor, channels: Channels) -> Tensor:
        """Turn logits into scores.

        Args:
            logits: Logits (N, C + E, H, W).
            channels: What their channels stand for.

        Returns:
            Scores (N, C, H, W).
        """
        scores = logits[:, : channels.num_classes].clone()
        scores[:, 0] = 0
        return scores
