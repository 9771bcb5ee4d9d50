"""Which classes each mask of Pascal VOC's train_aug holds."""

import tempfile
from pathlib import Path

from benchmarks.harness import Result, compare
from benchmarks.reference.data import class_sets
from benchmarks.voc import find_or_draw
from mmseg_incremental.datasets.class_index import CACHE_NAME, read_class_index
from mmseg_incremental.datasets.sample_check import Sample

NUM_MASKS = 10_582


def measure(rounds: int) -> list[Result]:
    """Ours checks the pictures on the way; the reference does not look at them."""
    with tempfile.TemporaryDirectory() as folder:
        root, what = find_or_draw(Path(folder, 'voc'))
        samples = _samples(root)
        masks = [sample.mask for sample in samples]

        def ours() -> list:
            Path(folder, CACHE_NAME).unlink(missing_ok=True)
            return read_class_index(samples, 20, folder)

        if [entry.classes for entry in ours()] != class_sets(masks):
            raise AssertionError('the class sets differ')
        name = f'{len(samples)} masks ({len(set(masks))} different, {what})'
        return [compare(name, ours, lambda: class_sets(masks), min(rounds, 3))]


def _samples(root: Path) -> list[Sample]:
    masks = sorted((root / 'SegmentationClass').glob('*.png'))
    images = root / 'JPEGImages'
    samples = [Sample(str(images / f'{m.stem}.jpg'), str(m)) for m in masks]
    return (samples * (NUM_MASKS // len(samples) + 1))[:NUM_MASKS]
