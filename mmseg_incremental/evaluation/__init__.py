"""IoU per class group, and how it changes over the steps."""

from .class_group_iou_metric import ClassGroupIoUMetric
from .detail import EvaluationDetail, forgotten_pictures
from .joint import joint_reference
from .results import SequenceResults, group_metrics
from .tables import results_table

__all__ = [
    'ClassGroupIoUMetric',
    'EvaluationDetail',
    'SequenceResults',
    'forgotten_pictures',
    'group_metrics',
    'joint_reference',
    'results_table',
]
