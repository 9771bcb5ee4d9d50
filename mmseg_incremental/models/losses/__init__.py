"""Losses of class-incremental segmentation: a pure function and its registered class each."""

from ...utils.imports import import_modules
from .base import DistillationLoss, PixelDistillation, SegmentationLoss
from .distance_penalized_cross_entropy import (
    DistancePenalizedCrossEntropy,
    distance_penalized_cross_entropy,
)
from .feature_distillation import FeatureDistillation, feature_distillation
from .focal_unbiased_cross_entropy import FocalUnbiasedCrossEntropy, focal_unbiased_cross_entropy
from .knowledge_distillation import KnowledgeDistillation, knowledge_distillation
from .sigmoid_cross_entropy import SigmoidCrossEntropy, sigmoid_cross_entropy
from .unbiased_cross_entropy import (
    UnbiasedCrossEntropy,
    unbiased_cross_entropy,
    unbiased_cross_entropy_map,
)
from .unbiased_knowledge_distillation import (
    UnbiasedKnowledgeDistillation,
    unbiased_knowledge_distillation,
)

import_modules(__name__, __path__)

__all__ = [
    'DistancePenalizedCrossEntropy',
    'DistillationLoss',
    'FeatureDistillation',
    'FocalUnbiasedCrossEntropy',
    'KnowledgeDistillation',
    'PixelDistillation',
    'SegmentationLoss',
    'SigmoidCrossEntropy',
    'UnbiasedCrossEntropy',
    'UnbiasedKnowledgeDistillation',
    'distance_penalized_cross_entropy',
    'feature_distillation',
    'focal_unbiased_cross_entropy',
    'knowledge_distillation',
    'sigmoid_cross_entropy',
    'unbiased_cross_entropy',
    'unbiased_cross_entropy_map',
    'unbiased_knowledge_distillation',
]
