"""Loggers that people already use; one run of each for a whole sequence."""

from .sequence_log import LogTraining, SequenceLog

__all__ = ['LogTraining', 'SequenceLog']
