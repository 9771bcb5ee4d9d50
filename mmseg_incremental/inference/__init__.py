"""Predictions of finished steps on a user's own pictures."""

from .inferencer import IncrementalInferencer
from .inputs import Input, find_input
from .predict import predict

__all__ = ['IncrementalInferencer', 'Input', 'find_input', 'predict']
