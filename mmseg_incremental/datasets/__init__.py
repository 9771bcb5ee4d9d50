"""Which pictures and labels a step sees."""

from .class_index import DataError, IndexEntry, read_class_index
from .distance_map import AddDistanceMap
from .incremental_voc import IncrementalVOCDataset
from .label_statistics import count_labels, label_warnings, statistics_table
from .label_table import label_meaning, label_table, training_table
from .layout import find_layout
from .map_labels import MapLabels
from .mark_salient import MarkSalient
from .memory_file import Candidate, read_memory, write_memory
from .mib_transforms import EvaluateAtThisSize, RandomResizedCrop
from .nested_configs import insert_after_labels, leaf_datasets, nested_transforms
from .protocol import PROTOCOLS, Protocol, get_protocol
from .same_size_batch_sampler import SameSizeBatchSampler
from .sampler import Draw, SeededInfiniteSampler
from .selection import SETTINGS, select_images, select_test_images
from .step_dataset import StepDataset
from .step_view import step_view

__all__ = [
    'PROTOCOLS',
    'SETTINGS',
    'AddDistanceMap',
    'Candidate',
    'DataError',
    'Draw',
    'EvaluateAtThisSize',
    'IncrementalVOCDataset',
    'IndexEntry',
    'MapLabels',
    'MarkSalient',
    'Protocol',
    'RandomResizedCrop',
    'SameSizeBatchSampler',
    'SeededInfiniteSampler',
    'StepDataset',
    'count_labels',
    'find_layout',
    'get_protocol',
    'insert_after_labels',
    'label_meaning',
    'label_table',
    'label_warnings',
    'leaf_datasets',
    'nested_transforms',
    'read_class_index',
    'read_memory',
    'select_images',
    'select_test_images',
    'statistics_table',
    'step_view',
    'training_table',
    'write_memory',
]
