"""Which pictures and labels a step sees."""

from .class_index import DataError, IndexEntry, read_class_index
from .distance_map import AddDistanceMap
from .incremental_voc import IncrementalVOCDataset
from .label_table import MapLabels, label_table
from .protocol import PROTOCOLS, Protocol, get_protocol
from .same_size_batch_sampler import SameSizeBatchSampler
from .sampler import Draw, SeededInfiniteSampler
from .selection import SETTINGS, select_images, select_test_images

__all__ = [
    'PROTOCOLS',
    'SETTINGS',
    'AddDistanceMap',
    'DataError',
    'Draw',
    'IncrementalVOCDataset',
    'IndexEntry',
    'MapLabels',
    'Protocol',
    'SameSizeBatchSampler',
    'SeededInfiniteSampler',
    'get_protocol',
    'label_table',
    'read_class_index',
    'select_images',
    'select_test_images',
]
