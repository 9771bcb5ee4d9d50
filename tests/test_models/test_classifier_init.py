import math

import pytest
import torch
from mmseg.registry import MODELS
from tiny import leaf
from torch.nn import functional as F

from mmseg_incremental.errors import InputError
from mmseg_incremental.models import (
    CLASSIFIER_INITS,
    IncrementalClassifier,
    init_from_background,
    init_from_extra,
    init_silent,
    keep_random_init,
)
from mmseg_incremental.models.losses import unbiased_knowledge_distillation
from mmseg_incremental.sequence import load_sequence

ENTROPY_3_TO_1 = math.log(4) - 0.75 * math.log(3)  # of the probabilities 3/4 and 1/4


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def grown(old, *new_sizes):
    """Classifier with the weights of ``old`` and random ones for the new steps."""
    classifier = IncrementalClassifier(old[0].in_channels, [*old.classes_per_step, *new_sizes])
    classifier.to(old[0].weight.dtype).load_state_dict(old.state_dict(), strict=False)
    return classifier


def two_channels():
    """Background and one class, as 3 to 1 wherever the features are 0."""
    old = IncrementalClassifier(1, [2]).double()
    state = {
        'weight': torch.tensor([[1.0], [-1.0]]).reshape(2, 1, 1, 1),
        'bias': torch.tensor([math.log(3), 0.0], dtype=torch.float64),
    }
    old.load_state_dict(state)
    return old


def probabilities(classifier, feature=0.0):
    with torch.no_grad():
        logits = classifier(torch.full((1, 1, 1, 1), feature, dtype=torch.float64))
    return logits.softmax(1).flatten().tolist()


def test_background_is_shared_out_evenly():
    new = grown(two_channels(), 2)
    init_from_background(new)
    # 3/4 over the background and two new classes; the old class keeps its quarter
    assert probabilities(new) == pytest.approx([0.25, 0.25, 0.25, 0.25])
    # the background's log(3) less log(3)
    assert new.state_dict()['bias'].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-12)
    assert new.state_dict()['weight'].flatten().tolist() == [1.0, -1.0, 1.0, 1.0]


def test_background_is_shared_out_again_at_the_next_step():
    first = grown(two_channels(), 2)
    init_from_background(first)
    second = grown(first, 4)
    init_from_background(second)
    # the quarter of the background over five channels; classes of earlier steps keep theirs
    shares = [0.05, 0.25, 0.25, 0.25, 0.05, 0.05, 0.05, 0.05]
    assert probabilities(second) == pytest.approx(shares)


def test_new_classes_share_with_the_background_at_every_feature():
    old = two_channels()
    new = grown(old, 3)
    init_from_background(new)
    for feature in (-2.0, 0.3, 5.0):
        before, after = probabilities(old, feature), probabilities(new, feature)
        assert after[0] == pytest.approx(before[0] / 4)
        assert after[2:] == pytest.approx([before[0] / 4] * 3)
        assert after[1] == pytest.approx(before[1])


@pytest.mark.parametrize('background', [True, False])
def test_silent_classes_leave_every_prediction_as_it_was_over_two_steps(background):
    old = IncrementalClassifier(6, [4])
    first = grown(old, 1)
    init_silent(first, background)
    second = grown(first, 2)
    init_silent(second, background)
    features = 30 * torch.randn(2, 6, 8, 8)
    assert torch.equal(second(features).argmax(1), old(features).argmax(1))
    assert torch.equal(second(features)[:, :4], old(features))


def test_distillation_starts_at_its_floor():
    old = two_channels()
    new = grown(old, 2)
    init_from_background(new)
    zeros = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    loss = unbiased_knowledge_distillation(new(zeros), old(zeros))
    assert loss.item() == pytest.approx(ENTROPY_3_TO_1 / 2)
    assert loss.item() == pytest.approx(0.2811675, abs=1e-7)


@pytest.mark.parametrize('new_size', [1, 2, 5])
def test_floor_holds_for_random_classifiers_and_has_no_gradient(new_size):
    old = IncrementalClassifier(6, [5, 3]).double()
    new = grown(old, new_size)
    init_from_background(new)
    features = 3 * torch.randn(2, 6, 4, 4, dtype=torch.float64)
    old_logits = old(features).detach()
    log_prob = old_logits.log_softmax(1)
    entropy = -(log_prob.exp() * log_prob).sum(1).mean().item()
    loss = unbiased_knowledge_distillation(new(features), old_logits)
    assert loss.item() == pytest.approx(entropy / 8)
    loss.backward()
    assert max(p.grad.abs().max().item() for p in new.parameters()) < 1e-12
    with torch.no_grad():
        for parameter in new.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    assert unbiased_knowledge_distillation(new(features), old_logits) > entropy / 8


def test_middle_steps_are_left_alone():
    old = IncrementalClassifier(6, [5, 3])
    new = grown(old, 2)
    init_from_background(new)
    assert torch.equal(new[1].weight, old[1].weight)
    assert torch.equal(new[1].bias, old[1].bias)
    assert torch.equal(new[0].weight, old[0].weight)
    assert torch.equal(new[0].bias[1:], old[0].bias[1:])


def test_parameters_stay_trainable_and_apart():
    new = grown(two_channels(), 2)
    init_from_background(new)
    assert all(p.requires_grad and p.is_leaf for p in new.parameters())
    with torch.no_grad():
        new[0].weight[0] += 1
        new[1].weight[0] += 2
    assert new.state_dict()['weight'].flatten().tolist() == [2.0, -1.0, 3.0, 1.0]


def test_random_keeps_everything():
    new = grown(two_channels(), 2)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    keep_random_init(new)
    assert all(torch.equal(before[name], value) for name, value in new.state_dict().items())


def test_names_that_a_method_may_give():
    known = {
        'background': init_from_background,
        'random': keep_random_init,
        'silent': init_silent,
    }
    copies = {name: CLASSIFIER_INITS[name] for name in ('unknown', 'auxiliary')}
    assert {**known, **copies} == CLASSIFIER_INITS
    for name, init in copies.items():
        assert (init.func, init.keywords) == (init_from_extra, {'name': name})


def test_a_copy_of_an_extra_channel():
    new = IncrementalClassifier(3, [2, 2], {'unknown': 1, 'auxiliary': 2})
    before = {name: value.clone() for name, value in new.state_dict().items()}
    for name in ('unknown', 'auxiliary'):
        CLASSIFIER_INITS[name](new)
        logits = new(torch.randn(1, 3, 4, 4))
        first = 4 + ['unknown', 'auxiliary'].index(name)
        for c in (2, 3):
            torch.testing.assert_close(logits[:, c], logits[:, first])
    after = new.state_dict()
    for name, value in before.items():
        kept = value if 'extra' in name else value[:2]
        assert torch.equal(after[name][: len(kept)], kept), name


def test_a_copy_of_a_channel_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r'channels=dict\(unknown=1\)'):
        init_from_extra(grown(two_channels(), 1), name='unknown')


@pytest.mark.parametrize('step', [1, 2])
def test_all_three_heads_start_with_the_old_background(step):
    sequence = load_sequence(leaf())
    old, new = (MODELS.build(sequence.step(t).config.model).eval() for t in (step - 1, step))
    new.load_state_dict(old.state_dict(), strict=False)
    heads = ['decode_head', 'auxiliary_head.0', 'auxiliary_head.1']
    assert [name for name, _ in new.classifiers()] == [f'{head}.conv_seg' for head in heads]
    for _, classifier in new.classifiers():
        init_from_background(classifier)
    num_old = old.decode_head.num_classes
    assert (num_old, new.decode_head.num_classes) == (4 + step, 5 + step)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        old_features, features = old.extract_feat(pictures), new.extract_feat(pictures)
        for before, after in zip(
            [old.decode_head, *old.auxiliary_head],
            [new.decode_head, *new.auxiliary_head],
            strict=True,
        ):
            old_logits = F.interpolate(before(old_features), (64, 64), mode='bilinear')
            logits = F.interpolate(after(features), (64, 64), mode='bilinear')
            old_prob, prob = old_logits.softmax(1), logits.softmax(1)
            merged = prob[:, 0] + prob[:, num_old:].sum(1)
            torch.testing.assert_close(merged, old_prob[:, 0])
            torch.testing.assert_close(prob[:, 1:num_old], old_prob[:, 1:])
            entropy = -(old_prob * old_prob.log()).sum(1).mean()
            loss = unbiased_knowledge_distillation(logits, old_logits)
            torch.testing.assert_close(loss, entropy / num_old)
