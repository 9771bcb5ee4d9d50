"""Whole runs on data without a background."""

from pathlib import Path

import pytest
import torch
from tiny import tiny_sequence, weights

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.models import IncrementalClassifier, init_from_background
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.losses import (
    KnowledgeDistillation,
    UnbiasedKnowledgeDistillation,
)
from mmseg_incremental.models.losses.map_distillation import fold_new_channels

#: The shapes as if nobody had labelled what lies between them.
CHANGES = {
    'task.background': False,
    'task.name': '3-2-1',
    'labels': dict(first=1, unlabelled=0),
}


@pytest.mark.slow
@pytest.mark.parametrize('method', ['mib', 'ft'])
def test_no_channel_and_no_column_is_invented(shapes: Path, tmp_path: Path, method: str) -> None:
    sequence = tiny_sequence(shapes, tmp_path, method, **CHANGES)
    results = run_sequence(sequence, RunOptions(steps=[0, 1]))
    classes = ['disc', 'square', 'triangle', 'star', 'ring']
    assert list(results.steps[1]['IoU']) == classes
    assert results.steps[1]['mIoU_with_background'] == {}
    assert len(weights(tmp_path, 1)['decode_head.conv_seg.bias']) == len(classes)
    view = sequence.step(1).config.train_dataloader.dataset
    assert view.get('any_old', False) == (method == 'mib')


def test_methods_that_need_a_background_are_refused(shapes: Path, tmp_path: Path) -> None:
    method = dict(
        name='DKD',
        loss=dict(type='CrossEntropyLoss'),
        distillation=[],
        classifier_init='random',
        link=dict(type='SigmoidOrBackground'),
        _delete_=True,
    )
    with pytest.raises(InputError, match='SigmoidOrBackground needs a background'):
        tiny_sequence(shapes, tmp_path, 'ft', **CHANGES, method=method)


def test_distillation_compares_the_old_classes_among_themselves() -> None:
    torch.manual_seed(0)
    new, old = torch.randn(2, 5, 3, 4), torch.randn(2, 3, 3, 4)
    unbiased = UnbiasedKnowledgeDistillation(loss_weight=2.0, background=False)
    torch.testing.assert_close(unbiased(new, old), KnowledgeDistillation(loss_weight=2.0)(new, old))
    channels = Channels(num_old=3, num_new=2, background=False)
    assert torch.equal(fold_new_channels(new, channels), new[:, :3])


def test_new_classes_start_from_the_mean_of_the_old_ones() -> None:
    classifier = IncrementalClassifier(4, [3, 2])
    old = classifier[0].weight.detach().clone()
    init_from_background(classifier, background=False)
    torch.testing.assert_close(classifier[1].weight, old.mean(0).expand(2, 4, 1, 1))
    assert torch.equal(classifier[0].weight, old), 'the old classes stay as they are'
