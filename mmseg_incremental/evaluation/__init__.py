"""IoU per class group, and how it changes over the steps."""

from .class_group_iou_metric import ClassGroupIoUMetric
from .results import SequenceResults, forgetting, group_metrics
from .tables import results_table

__all__ = [
    'ClassGroupIoUMetric',
    'SequenceResults',
    'forgetting',
    'group_metrics',
    'results_table',
]
