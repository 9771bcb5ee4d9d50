"""Decisions among the classes seen so far."""

from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...models.channels import Channels


@TASK_UTILS.register_module()
class SeenChannels:
    """Leave out the extra channels: the largest logit of the classes seen so far decides."""

    #: Stock mmseg decides so, from the channels of the classes.
    plain = True

    def __call__(self, logits: Tensor, channels: Channels) -> Tensor:
        """Turn logits into scores.

        Args:
            logits: Logits (N, C + E, H, W).
            channels: What their channels stand for.

        Returns:
            Scores (N, C, H, W), a view; the largest one is the decision.
        """
        return logits[:, : channels.num_classes]
