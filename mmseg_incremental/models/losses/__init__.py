"""Losses of class-incremental segmentation: a pure function and its registered class each."""

from .distance_penalized_cross_entropy import (
    DistancePenalizedCrossEntropy,
    distance_penalized_cross_entropy,
)
from .feature_distillation import FeatureDistillation, feature_distillation
from .focal_unbiased_cross_entropy import FocalUnbiasedCrossEntropy, focal_unbiased_cross_entropy
from .knowledge_distillation import KnowledgeDistillation, knowledge_distillation
from .unbiased_cross_entropy import (
    UnbiasedCrossEntropy,
    unbiased_cross_entropy,
    unbiased_cross_entropy_map,
)
from .unbiased_knowledge_distillation import (
    UnbiasedKnowledgeDistillation,
    unbiased_knowledge_distillation,
)

__all__ = [
    'DistancePenalizedCrossEntropy',
    'FeatureDistillation',
    'FocalUnbiasedCrossEntropy',
    'KnowledgeDistillation',
    'UnbiasedCrossEntropy',
    'UnbiasedKnowledgeDistillation',
    'distance_penalized_cross_entropy',
    'feature_distillation',
    'focal_unbiased_cross_entropy',
    'knowledge_distillation',
    'unbiased_cross_entropy',
    'unbiased_cross_entropy_map',
    'unbiased_knowledge_distillation',
]
