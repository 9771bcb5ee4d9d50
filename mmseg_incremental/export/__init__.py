"""A finished step as one file for inference without this package."""

from .compare import differing_share
from .export import Exported, export_step
from .formats import METADATA, ExportedProgram, Format, Onnx, TorchScript
from .labeller import Labeller

__all__ = [
    'METADATA',
    'Exported',
    'ExportedProgram',
    'Format',
    'Labeller',
    'Onnx',
    'TorchScript',
    'differing_share',
    'export_step',
]
