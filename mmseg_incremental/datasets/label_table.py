"""From a data set's labels to the channels of a step, through a 256-entry table."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from ..tasks import Task
from ..tasks.task import VOID
from .protocol import Protocol


def label_table(
    task: Task, step: int, setting: str, protocol: Protocol, training: bool
) -> np.ndarray:
    """Table that maps a label of the data set to what a step sees.

    In training the step's classes get their channel and old classes are background (their
    channel in the ``'sequential'`` setting). In evaluation every class learnt so far gets its
    channel. Classes in no group are background.

    Args:
        task: The task.
        step: The step.
        setting: ``'overlapped'``, ``'disjoint'`` or ``'sequential'``.
        protocol: Decides on void in training and on future classes in evaluation.
        training: Whether the table is for training.

    Returns:
        ``uint8`` array of shape (256,).

    Example:
        >>> from mmseg_incremental.datasets import get_protocol
        >>> from mmseg_incremental.tasks import get_task
        >>> table = label_table(get_task('voc', '15-5'), 1, 'overlapped', get_protocol('mib'), True)
        >>> table[[0, 15, 16, 20, 255]].tolist()
        [0, 0, 16, 20, 0]
    """
    table = np.full(256, VOID, dtype=np.uint8)
    table[: len(task.names) + 1] = 0
    seen = task.seen_classes(step)
    channels = {label: channel for channel, label in enumerate(seen, start=1)}
    visible = task.new_classes(step) if training and setting != 'sequential' else seen
    for label in visible:
        table[label] = channels[label]
    if training:
        table[VOID] = VOID if protocol.void == 'ignore' else 0
    elif protocol.future == 'ignore':
        table[task.future_classes(step)] = VOID
    return table


@TRANSFORMS.register_module()
class MapLabels(BaseTransform):
    """Look every pixel of ``gt_seg_map`` up in a table.

    Args:
        table: ``uint8`` array of shape (256,).
    """

    def __init__(self, table: np.ndarray) -> None:
        self.table = np.asarray(table, dtype=np.uint8)

    def transform(self, results: dict) -> dict:
        """Replace ``results['gt_seg_map']``, of shape (H, W), by its mapped copy."""
        results['gt_seg_map'] = self.table[results['gt_seg_map']]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
