"""An extension as a config, and what its parts mean."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from PIL import Image
from stock_models import stock_config
from tiny import ROOT

from mmseg_incremental.apis import load_sequence, plan_sequence
from mmseg_incremental.datasets import label_meaning
from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import ClassGroupIoUMetric
from mmseg_incremental.sequence.extension import new_labels
from mmseg_incremental.tasks import Task

LEAF = """
_base_ = {base!r}
base = dict(config={config!r}, checkpoint={checkpoint!r})
task = dict(add={add!r})
data_root = {data_root!r}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of two classes, and four pictures with a third one."""
    names = ['Background', 'a', 'b']
    cfg = stock_config('segformer_b0', tmp_path / 'data', names, tmp_path, iters=1, crop=32)
    cfg.dump(tmp_path / 'model.py')
    state = MODELS.build(cfg.model).state_dict()
    meta = dict(CLASSES=names)
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'model.pth')
    for kind in ('images', 'masks'):
        (tmp_path / 'data' / kind).mkdir(parents=True)
    for index in range(4):
        mask = np.zeros((40, 40), np.uint8)
        mask[:10] = 1
        Image.fromarray(np.stack([mask] * 3, 2)).save(tmp_path / f'data/images/{index}.jpg')
        Image.fromarray(mask).save(tmp_path / f'data/masks/{index}.png')
    return tmp_path


def write_leaf(folder: Path, add: list) -> Path:
    text = LEAF.format(
        base=str(ROOT / 'configs' / 'extend.py'),
        config=str(folder / 'model.py'),
        checkpoint=str(folder / 'model.pth'),
        add=add,
        data_root=str(folder / 'data'),
    )
    (folder / 'mine.py').write_text(text)
    return folder / 'mine.py'


def test_the_model_is_step_0(folder: Path) -> None:
    sequence = load_sequence(write_leaf(folder, ['c']), {}, str(folder / 'work'))
    assert sequence.task.channel_names(1) == ['background', 'a', 'b', 'c']
    assert sequence.cfg.crop_size == (32, 32)
    plans = plan_sequence(sequence)
    assert [plan.num_images for plan in plans] == [0, 4]
    assert plans[0].taken_from == str(folder / 'model.pth')
    assert plans[0].iters == 0
    assert not (folder / 'work').exists()


def test_learning_rate_suits_the_backbone(folder: Path) -> None:
    def learning_rate(options: dict | None = None) -> float:
        return plan_sequence(load_sequence(leaf, options, str(folder / 'work')))[1].lr

    leaf = write_leaf(folder, ['c'])
    assert learning_rate() == 0.02
    assert learning_rate({'step_schedule.later.lr': 0.5}) == 0.5
    cfg = stock_config('aspp_r18', folder / 'data', ['Background', 'a', 'b'], folder, 1, crop=32)
    cfg.dump(folder / 'model.py')
    state = MODELS.build(cfg.model).state_dict()
    torch.save(
        dict(state_dict=state, meta=dict(CLASSES=['Background', 'a', 'b'])), folder / 'model.pth'
    )
    assert learning_rate() == 0.005


def test_a_method_that_is_none_is_one_line(folder: Path) -> None:
    leaf = write_leaf(folder, ['c'])
    with pytest.raises(InputError):
        load_sequence(leaf, {'method': None}, str(folder / 'work'))


@pytest.mark.parametrize(
    ('add', 'message'),
    [
        ([], 'task.add must name the new classes'),
        ('c', 'task.add must name the new classes'),
        (['c', 'c'], "class 'c' cannot be added, twice"),
        (['a'], "class 'a' cannot be added, the model has it: a, b"),
    ],
)
def test_wrong_classes_are_refused(folder: Path, add: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_sequence(write_leaf(folder, add), {}, str(folder / 'work'))


@pytest.mark.parametrize('background', [True, False])
@pytest.mark.parametrize(
    ('labels', 'meaning'),
    [
        ({}, {0: 0, 1: 3, 2: 4, 255: 255}),
        (dict(classes=dict(c=255, d=7)), {0: 0, 7: 4, 255: 3}),
        (dict(unlabelled=[0, 5]), {0: 0, 1: 3, 2: 4, 5: 0, 255: 255}),
        (dict(first=0, unlabelled=9), {0: 3, 1: 4, 9: 0, 255: 255}),
    ],
)
def test_values_of_new_pictures(background: bool, labels: dict, meaning: dict) -> None:
    task = Task('d', '2-2', ('a', 'b', 'c', 'd'), ((1, 2), (3, 4)), background=background)
    assert label_meaning(task, labels=new_labels(labels, ['c', 'd'], background)) == meaning


def test_metric_of_labels_that_show_some_classes() -> None:
    metric = ClassGroupIoUMetric(groups={'2': [2]}, background_groups={}, measured=[2])
    metric.dataset_meta = dict(classes=('background', 'a', 'b'))
    label = torch.tensor([[[0, 0, 0, 2, 2, 2]]])
    predicted = torch.tensor([[[0, 1, 2, 2, 2, 1]]])
    sample = dict(pred_sem_seg=dict(data=predicted[0]), gt_sem_seg=dict(data=label[0]))
    metric.process(None, [sample])
    found = metric.evaluate(1)
    assert found['IoU/b'] == pytest.approx(100 * 2 / 4)
    assert np.isnan(found['IoU/a'])
    assert np.isnan(found['IoU/background'])
    assert found['aAcc'] == pytest.approx(100 * 4 / 6), 'what is not labelled may be any of them'
