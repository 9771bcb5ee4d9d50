"""SSUL: the labels of a batch, the channel ``unknown`` and what becomes of it."""

import math

import pytest
import reference.ssul as loops
import torch
from mmseg.registry import TASK_UTILS
from reference import method_inputs

from mmseg_incremental.errors import InputError
from mmseg_incremental.methods.links.unknown_as_background import UnknownAsBackground
from mmseg_incremental.methods.targets.unknown_class_labels import unknown_class_labels
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch
from mmseg_incremental.tasks import get_task

CHANNELS = Channels(3, 1, extra=('unknown',))
UNKNOWN = 4


def pixels(*columns, dtype=torch.float64):
    return torch.tensor(columns, dtype=dtype).T.reshape(1, len(columns[0]), 1, -1)


# background, class 1, class 1 below the threshold, unknown, class 2, class 2
OLD_LOGITS = pixels(
    [5, 1, 1, 0], [0, 2, 1, 1], [0, 0.5, 0, 0], [1, 2, 3, 4], [0, 0, 5, 0], [0, 0, 5, 0]
)


def test_labels_by_hand():
    labels = torch.tensor([[[0, 0, 0, 0, 3, 255]]])
    kept = labels.clone()
    salient = torch.tensor([[[True, False, False, False, True, True]]])
    assert unknown_class_labels(labels, UNKNOWN, salient=salient).tolist() == [
        [[4, 0, 0, 0, 3, 255]]
    ]
    made = unknown_class_labels(labels, UNKNOWN, OLD_LOGITS, 3, salient=salient)
    assert made.tolist() == [[[4, 1, 0, 0, 3, 255]]]
    # without maps all of the background stands out
    made = unknown_class_labels(labels, UNKNOWN, OLD_LOGITS, 3)
    assert made.tolist() == [[[4, 1, 4, 4, 3, 255]]]
    made = unknown_class_labels(labels, UNKNOWN, OLD_LOGITS, 3, threshold=0.5)
    assert made.tolist() == [[[4, 1, 1, 4, 3, 255]]]
    # what is labelled as an old class, as in a remembered picture, stays
    made = unknown_class_labels(torch.ones_like(labels), UNKNOWN, OLD_LOGITS, 3)
    assert (made == 1).all()
    assert torch.equal(labels, kept)


def test_a_score_at_the_threshold_is_enough():
    logit = math.log(0.75 / 0.25)
    labels = torch.zeros(1, 1, 1, dtype=torch.long)
    for threshold, expected in ((0.75 - 1e-9, 1), (0.75 + 1e-9, UNKNOWN)):
        made = unknown_class_labels(labels, UNKNOWN, pixels([0, logit]), 2, threshold)
        assert made.item() == expected
    assert unknown_class_labels(labels, UNKNOWN, pixels([-1, 0]), 2, 0.5).item() == 1


@pytest.mark.parametrize('name', [name for name in method_inputs.SETS if name != 'shown'])
@pytest.mark.parametrize('with_maps', [False, True])
def test_other_sets_by_loops(name, with_maps):
    part = method_inputs.build(name)['ssul']
    old, unknown = part['K'], part['K'] + part['Ct']
    channels = Channels(old, part['Ct'], extra=('unknown',))
    old_logits, logits = part['zo'].roll(-1, 1), part['z'].roll(-1, 1)
    salient = part['sal'] if with_maps else None
    made = unknown_class_labels(part['y'], unknown, old_logits, old, 0.7, salient)
    arrays = part['y'].numpy(), unknown, old_logits.numpy(), old, 0.7
    expected = loops.labels(*arrays, salient.numpy() if with_maps else None)
    assert made.tolist() == expected.tolist()
    assert made[(made != part['y']) & (made < unknown)].min() >= 1
    scores = UnknownAsBackground()(logits, channels)
    assert scores.shape[1] == unknown
    expected = loops.prediction(logits.numpy(), unknown, unknown)
    assert scores.argmax(1).tolist() == expected.tolist()


def test_a_batch_at_its_full_size_and_at_step_0():
    targets = TASK_UTILS.build(dict(type='UnknownClassLabels', threshold=0.6))
    torch.manual_seed(0)
    old_logits = 3 * torch.randn(2, 4, 3, 3)
    labels = torch.randint(0, 2, (2, 9, 9)) * 3
    made, weight = targets(LabelledBatch(labels, old_logits, CHANNELS))
    full = torch.nn.functional.interpolate(old_logits, (9, 9), mode='bilinear')
    assert torch.equal(made, unknown_class_labels(labels, UNKNOWN, full, 3, 0.6))
    assert set(made.unique().tolist()) == {1, 2, 3, UNKNOWN}
    assert weight is None
    first = Channels(0, 4, extra=('unknown',))
    made, _ = targets(LabelledBatch(labels, torch.empty(0), first))
    assert torch.equal(made, torch.where(labels == 0, UNKNOWN, labels))


def test_void_alone_stays_void():
    void = torch.full((1, 1, 6), 255)
    assert torch.equal(unknown_class_labels(void, UNKNOWN, OLD_LOGITS, 3), void)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    torch.manual_seed(0)
    logits = (3 * torch.randn(1, 5, 6, 6)).to(dtype)
    labels = torch.zeros(1, 6, 6, dtype=torch.long)
    made = unknown_class_labels(labels, UNKNOWN, logits[:, 1:], 3)
    assert torch.equal(made, unknown_class_labels(labels, UNKNOWN, logits[:, 1:].float(), 3))
    scores = UnknownAsBackground()(logits, CHANNELS)
    assert torch.equal(scores, UnknownAsBackground()(logits.float(), CHANNELS))


def test_the_unknown_class_adds_to_the_background():
    logits = pixels([0, 1, 0, 0, 0], [0, 1, 0, 0, -3], [0, 3, 0, 0, -3])
    kept = logits.clone()
    link = TASK_UTILS.build(dict(type='UnknownAsBackground'))
    scores = link(logits, CHANNELS)
    assert scores.argmax(1).tolist() == [[[0, 1, 1]]]
    assert scores[0, 0, 0, 0].item() == 1.0
    assert torch.equal(logits, kept)


def test_the_channels_are_the_same_at_every_step():
    extra = TASK_UTILS.build(dict(type='NamedChannels', channels=dict(unknown=1)))
    assert [extra(get_task('voc', '10-5'), step) for step in range(3)] == 3 * [dict(unknown=1)]


def test_a_missing_channel_is_named():
    targets = TASK_UTILS.build(dict(type='UnknownClassLabels'))
    batch = LabelledBatch(torch.zeros(1, 1, 1).long(), torch.zeros(1, 2, 1, 1), Channels(2, 1))
    with pytest.raises(InputError, match='NamedChannels'):
        targets(batch)
