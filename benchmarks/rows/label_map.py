"""Labels of the data set to channels of a step."""

import numpy as np

from benchmarks.harness import Result, compare
from benchmarks.reference.data import map_labels
from mmseg_incremental.datasets import MapLabels, get_protocol
from mmseg_incremental.datasets.label_table import label_table
from mmseg_incremental.tasks import get_task


def measure(rounds: int) -> list[Result]:
    """A mask of 375x500 pixels at step 1 of 15-5."""
    labels = np.random.default_rng(0).integers(0, 21, (375, 500)).astype(np.uint8)
    labels[:9] = 255
    table = label_table(get_task('voc', '15-5'), 1, 'overlapped', get_protocol('plop'), True)
    transform = MapLabels(table)
    channels = {label: label for label in range(16, 21)}

    def ours() -> np.ndarray:
        return transform.transform({'gt_seg_map': labels})['gt_seg_map']

    if not np.array_equal(ours(), map_labels(labels, channels)):
        raise AssertionError('the two label maps differ')
    return [compare('375x500 pixels', ours, lambda: map_labels(labels, channels), rounds)]
