"""DFT*: extra channels for classes to come, all but classifiers frozen, two rules of decision."""

import pytest
import torch
from mmseg.registry import TASK_UTILS
from toy_segmentor import ToySegmentor

from mmseg_incremental.methods.links.future_as_background import FutureAsBackground
from mmseg_incremental.methods.links.seen_channels import SeenChannels
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.tasks import get_task

CLASSIFIER = 'decode_head.conv_seg'


def freezing(**options):
    return TASK_UTILS.build(dict(type='FreezeAllButNewClassifiers', **options))


def learning(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def names(*steps):
    return {f'{CLASSIFIER}.{step}.{kind}' for step in steps for kind in ('weight', 'bias')}


# --- extra channels -----------------------------------------------------------------------------


def test_a_classifier_for_every_later_step():
    extra = TASK_UTILS.build(dict(type='FutureClasses'))
    task = get_task('voc', '10-5')
    assert [extra(task, step) for step in range(3)] == [{'1': 5, '2': 5}, {'2': 5}, {}]
    assert extra(get_task('voc', '15-5s'), 3) == {'4': 1, '5': 1}


# --- what learns --------------------------------------------------------------------------------


def test_new_and_future_classifiers_learn():
    model = ToySegmentor([3, 1, 2], {'3': 2, '4': 1, 'unknown': 1})
    freezing().apply(model)
    assert learning(model) == names('2', 'extra.3', 'extra.4')


def test_future_classifiers_may_be_frozen():
    model = ToySegmentor([3, 1, 2], {'3': 2, 'unknown': 1})
    freezing(train_future=False).apply(model)
    assert learning(model) == names('2')


def test_eleven_steps_without_extra_channels():
    model = ToySegmentor([3] + 10 * [1])
    freezing().apply(model)
    assert learning(model) == names('10')


def frozen_step():
    torch.manual_seed(0)
    model = ToySegmentor([3, 1, 2], {'3': 2})
    part = freezing()
    part.apply(model)
    model.train()
    part.set_mode(model)
    return model


def test_frozen_layers_are_in_evaluation_mode():
    model = frozen_step()
    head = model.decode_head
    still = [*model.backbone, head.conv, head.norm, head.attention, head.dropout]
    assert not any(module.training for module in still)
    # containers keep the mode, which some networks ask for
    assert model.training
    assert head.training
    assert model.backbone.training
    features = [head.features(model.backbone(torch.ones(2, 3, 6, 6))) for _ in range(2)]
    assert torch.equal(*features)
    assert head.norm.num_batches_tracked == 0


def test_a_layer_that_learns_stays_in_training_mode():
    model = ToySegmentor([3, 2])
    part = freezing()
    part.apply(model)
    model.backbone[1].requires_grad_(True)
    model.train()
    part.set_mode(model)
    assert model.backbone[1].training
    assert not model.backbone[3].training


def test_features_have_no_graph_and_only_classifiers_move():
    model = frozen_step()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    features = model.decode_head.features(model.backbone(torch.randn(2, 3, 6, 6)))
    assert not features.requires_grad
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    model.decode_head.conv_seg(features).square().sum().backward()
    optimizer.step()
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == names('2', 'extra.3')


# --- decisions ----------------------------------------------------------------------------------

CHANNELS = Channels(2, 1, extra=('2', 'unknown', '3'))


def pixels(*columns):
    return torch.tensor(columns, dtype=torch.float64).T.reshape(1, len(columns[0]), 1, -1)


LOGITS = pixels([5, 1, 2, 0, 0, 0], [1, 5, 2, 4, 9, 4], [1, 2, 5, 4, 0, 6], [1, 2, 5, 6, 0, 4])


def test_seen_channels_by_hand():
    scores = SeenChannels()(LOGITS, CHANNELS)
    assert scores.shape == (1, 3, 1, 4)
    assert scores.argmax(1).tolist() == [[[0, 1, 2, 2]]]


def test_future_channels_are_background_by_hand():
    kept = LOGITS.clone()
    scores = FutureAsBackground()(LOGITS, CHANNELS)
    assert scores.argmax(1).tolist() == [[[0, 1, 0, 0]]]
    assert scores[0, :, 0, 2].tolist() == [6, 2, 5]
    assert torch.equal(LOGITS, kept)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_the_two_rules_differ_where_a_future_class_wins(dtype):
    logits = torch.randn(2, 6, 9, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    channels = Channels(3, 1, extra=('2', '2'))
    winner = logits.argmax(1)
    for link, expected in (
        (FutureAsBackground(), torch.where(winner < 4, winner, 0)),
        (SeenChannels(), torch.where(winner < 4, winner, logits[:, :4].argmax(1))),
    ):
        assert torch.equal(link(logits, channels).argmax(1), expected)
