"""Which classes each mask of Pascal VOC's train_aug holds."""

import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from benchmarks.harness import Result, compare
from benchmarks.reference.data import class_sets
from benchmarks.voc import find_or_draw
from mmseg_incremental.datasets import label_meaning, read_class_index
from mmseg_incremental.datasets.sample_check import Sample
from mmseg_incremental.tasks import get_task
from mmseg_incremental.utils.cache_folder import VARIABLE

NUM_MASKS = 10_582


def measure(rounds: int) -> list[Result]:
    """Ours checks the pictures on the way; the reference does not look at them."""
    meaning = label_meaning(get_task('voc', 'offline'))
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {VARIABLE: f'{folder}/c'}):
        root, what = find_or_draw(Path(folder, 'voc'))
        samples = _samples(root)
        masks = [sample.mask for sample in samples]

        def ours() -> list:
            shutil.rmtree(f'{folder}/c', ignore_errors=True)
            return read_class_index(samples, meaning)

        if [entry.classes for entry in ours()] != class_sets(masks):
            raise AssertionError('the class sets differ')
        name = f'{len(samples)} masks ({len(set(masks))} different, {what})'
        return [compare(name, ours, lambda: class_sets(masks), min(rounds, 3))]


def _samples(root: Path) -> list[Sample]:
    masks = sorted((root / 'SegmentationClass').glob('*.png'))
    images = root / 'JPEGImages'
    samples = [Sample(str(images / f'{m.stem}.jpg'), str(m)) for m in masks]
    return (samples * (NUM_MASKS // len(samples) + 1))[:NUM_MASKS]
