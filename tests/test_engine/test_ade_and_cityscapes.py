"""ADE20K and Cityscapes in the layout of their archives, rendered: dry run and two tiny steps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import ROOT, command_main

from mmseg_incremental.apis import RunOptions, get_task, load_sequence, plan_sequence, run_sequence

#: A few classes of each step.
ADE = dict(
    leaf='deeplabv3_r101_ade20k_100-50',
    folders=('images/{}', 'annotations/{}'),
    splits=('training', 'validation'),
    suffixes=('.jpg', '.png'),
    values=[0, 1, 60, 100, 101, 150, 255],
)
CITYSCAPES = dict(
    leaf='deeplabv3_r101_cityscapes_14-5',
    folders=('leftImg8bit/{}/aachen', 'gtFine/{}/aachen'),
    splits=('train', 'val'),
    suffixes=('_leftImg8bit.png', '_gtFine_labelTrainIds.png'),
    values=[0, 7, 13, 14, 18, 255],
)
TINY = {
    'model': 'segformer_b0',
    'backbone_weights': None,
    'batch_size': 2,
    'crop_size': (32, 32),
    'step_schedule.first.epochs': None,
    'step_schedule.later.epochs': None,
    'step_schedule.first.iters': 2,
    'step_schedule.later.iters': 2,
    'train_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
}


def render(root: Path, layout: dict) -> None:
    """Blocks of the values, six training and two test pictures of 64 x 48 pixels."""
    generator = np.random.default_rng(0)
    for split, number in zip(layout['splits'], (6, 2), strict=True):
        folders = [root / folder.format(split) for folder in layout['folders']]
        for folder in folders:
            folder.mkdir(parents=True)
        for index in range(number):
            blocks = np.resize(generator.permutation(layout['values']), (3, 4)).astype(np.uint8)
            mask = np.kron(blocks, np.ones((16, 16), np.uint8))
            picture = np.stack([mask, 255 - mask, mask // 2], 2)
            for folder, suffix, content in zip(
                folders, layout['suffixes'], (picture, mask), strict=True
            ):
                Image.fromarray(content).save(folder / f'p_{index}{suffix}')


@pytest.mark.parametrize(
    ('layout', 'counts', 'lost'),
    [(ADE, (20210, 2000), 'annotations/training'), (CITYSCAPES, (2975, 500), 'gtFine/train')],
    ids=['ade20k', 'cityscapes'],
)
def test_inspect_counts_what_the_archives_have(
    tmp_path: Path, layout: dict, counts: tuple, lost: str, capsys: pytest.CaptureFixture
) -> None:
    render(tmp_path, layout)
    next((tmp_path / lost).rglob('*.png')).unlink()
    command_main('inspect')([tmp_path])
    out = capsys.readouterr().out
    first, second = layout['splits']
    assert f'{first}: 6 pictures and 5 masks of {counts[0]}' in out
    assert f'{second}: 2 pictures and 2 masks of {counts[1]}' in out
    assert f'problem: {first} has 6 pictures' in out
    assert f'problem: {first} has 5 masks' in out
    dataset = layout['leaf'].split('_')[2]
    assert f'options: --cfg-options dataset={dataset} data_root={tmp_path}' in out


@pytest.mark.parametrize('layout', [ADE, CITYSCAPES], ids=['ade20k', 'cityscapes'])
@pytest.mark.parametrize('method', ['mib', 'plop'])
def test_plan(tmp_path: Path, layout: dict, method: str) -> None:
    render(tmp_path / 'data', layout)
    options = {'data_root': str(tmp_path / 'data'), 'backbone_weights': None}
    leaf = ROOT / 'configs' / f'{layout["leaf"]}_{method}.py'
    plans = plan_sequence(load_sequence(leaf, options, str(tmp_path / 'work')))
    assert [plan.num_images for plan in plans] == [6, 6]
    assert [plan.num_test_images for plan in plans] == [2, 2]


@pytest.mark.slow
@pytest.mark.parametrize('layout', [ADE, CITYSCAPES], ids=['ade20k', 'cityscapes'])
@pytest.mark.parametrize('method', ['mib', 'plop'])
def test_two_steps(tmp_path: Path, layout: dict, method: str) -> None:
    render(tmp_path / 'data', layout)
    scale = (64, 48)
    pipelines = {
        'train_dataloader.dataset.pipeline.2.scale': scale,
        'test_dataloader.dataset.pipeline.1.scale': scale,
        'test_pipeline.1.scale': scale,
    }
    taps = dict(stages=[]) if method == 'mib' else dict(stages=['decode_head.fusion_conv'])
    options = {'data_root': str(tmp_path / 'data'), **TINY, **pipelines, 'taps': taps}
    leaf = ROOT / 'configs' / f'{layout["leaf"]}_{method}.py'
    sequence = load_sequence(leaf, options, str(tmp_path / 'work'))
    results = run_sequence(sequence, RunOptions(steps=[0, 1]))
    names = list(results.steps[1]['IoU'])
    background = layout is ADE
    assert len(names) == (151 if background else 19)
    assert (names[0] == 'background') == background


def test_tasks_of_the_field() -> None:
    sizes = {
        ('ade20k', '100-50'): [100, 50], ('ade20k', '100-10'): [100] + [10] * 5,
        ('ade20k', '100-5'): [100] + [5] * 10, ('ade20k', '50-50'): [50, 50, 50],
        ('cityscapes', '14-5'): [14, 5], ('cityscapes', '14-1'): [14] + [1] * 5,
        ('cityscapes', '10-1'): [10] + [1] * 9,
    }  # fmt: skip
    for (dataset, name), expected in sizes.items():
        task = get_task(dataset, name)
        assert [len(group) for group in task.groups] == expected
        assert task.background == (dataset == 'ade20k')
        file = ROOT / 'configs' / '_base_' / 'tasks' / f'{dataset}_{name}.py'
        assert file.is_file(), file
    assert get_task('ade20k', 'offline').names[:2] == ('wall', 'building')
    assert get_task('cityscapes', '14-5').channel_names(1)[:2] == ['road', 'sidewalk']
