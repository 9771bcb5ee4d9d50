"""MiB's own recipe on real pictures: what each step counts, and one iteration of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence
from mmseg_incremental.sequence import load_checkpoint

CLASSES = range(1, 21)


def with_one_of_each(voc: Path, part: str, wanted: range) -> Iterator[str]:
    """Names of the first picture of a list with each class, none twice."""
    missing = set(wanted)
    for name in (voc / f'ImageSets/Segmentation/{part}.txt').read_text().split():
        found = set(np.unique(Image.open(voc / f'SegmentationClass/{name}.png')).tolist())
        if found & missing:
            missing -= found
            yield name


@pytest.mark.slow
def test_one_iteration_of_both_steps(voc_mini: Path, tmp_path: Path) -> None:
    lists = {'train': with_one_of_each(voc_mini, 'train_aug', CLASSES)}
    # the classes that step 1 adds, as every evaluation of this network takes seconds
    lists['test'] = with_one_of_each(voc_mini, 'val', range(15, 18))
    for name, pictures in lists.items():
        (voc_mini / f'{name}.txt').write_text('\n'.join(pictures))
    options = {
        'data_root': str(voc_mini),
        'train_dataloader.dataset.ann_file': 'train.txt',
        'test_dataloader.dataset.ann_file': 'test.txt',
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'test_dataloader.num_workers': 0,
        'backbone_weights': None,
        'batch_size': 2,
        'crop_size': (64, 64),
        'step_schedule.first.iters': 1,
        'step_schedule.first.epochs': None,
        'step_schedule.later.iters': 1,
        'step_schedule.later.epochs': None,
    }
    sequence = load_sequence('deeplabv3_r101_voc_15-5_mib', options, str(tmp_path / 'run'))
    results = run_sequence(sequence, RunOptions())
    assert set(results.steps) == {0, 1}
    head = load_checkpoint(sequence.work_dir.checkpoint(1))['state_dict']
    assert head['decode_head.conv_seg.weight'].shape[0] == 21
