"""Which pictures and labels a step sees."""

from .class_index import DataError, read_class_sets
from .distance_map import AddDistanceMap
from .incremental_voc import IncrementalVOCDataset
from .label_table import MapLabels, label_table
from .protocol import PROTOCOLS, Protocol, get_protocol
from .sampler import Draw, SeededInfiniteSampler
from .selection import SETTINGS, select_images, select_test_images

__all__ = [
    'PROTOCOLS',
    'SETTINGS',
    'AddDistanceMap',
    'DataError',
    'Draw',
    'IncrementalVOCDataset',
    'MapLabels',
    'Protocol',
    'SeededInfiniteSampler',
    'get_protocol',
    'label_table',
    'read_class_sets',
    'select_images',
    'select_test_images',
]
