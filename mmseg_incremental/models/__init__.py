"""Segmentor, per-step classifier and losses."""

from . import losses
from .bisenet_incremental_head import BiSeNetIncrementalHead
from .classifier import IncrementalClassifier
from .classifier_init import CLASSIFIER_INITS, init_from_background, keep_random_init
from .incremental_encoder_decoder import IncrementalEncoderDecoder

__all__ = [
    'CLASSIFIER_INITS',
    'BiSeNetIncrementalHead',
    'IncrementalClassifier',
    'IncrementalEncoderDecoder',
    'init_from_background',
    'keep_random_init',
    'losses',
]
