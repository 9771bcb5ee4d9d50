"""Void pixels that are learnt as background."""

from mmseg.registry import TASK_UTILS

from ...models.labelled_batch import LabelledBatch, Targets


@TASK_UTILS.register_module()
class VoidAsBackground:
    """Call void background, so that it is a negative example of every class, as in DKD's code.

    It does so at step 0 too, and where ``protocol.void='ignore'`` leaves void in the labels.
    """

    acts_at_first_step = True

    def __call__(self, batch: LabelledBatch) -> Targets:
        """Make the labels of a batch.

        Args:
            batch: The batch.

        Returns:
            Labels (N, H, W).
        """
        return Targets(batch.labels.masked_fill(batch.labels == batch.ignore_index, 0))
