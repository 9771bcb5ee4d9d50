"""Segmentor, per-step classifier and losses."""

from . import losses
from .bisenet import complete_bisenet
from .classifier import IncrementalClassifier
from .classifier_init import (
    CLASSIFIER_INITS,
    init_from_background,
    init_from_extra,
    init_silent,
    keep_random_init,
)
from .feature_recorder import record_taps
from .growth import build_head, grow_head, refusal
from .heads.bisenet_incremental_head import BiSeNetIncrementalHead
from .incremental_encoder_decoder import IncrementalEncoderDecoder

__all__ = [
    'CLASSIFIER_INITS',
    'BiSeNetIncrementalHead',
    'IncrementalClassifier',
    'IncrementalEncoderDecoder',
    'build_head',
    'complete_bisenet',
    'grow_head',
    'init_from_background',
    'init_from_extra',
    'init_silent',
    'keep_random_init',
    'losses',
    'record_taps',
    'refusal',
]
