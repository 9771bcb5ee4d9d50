import math

import pytest
import reference.plop as loops
import torch
from mmseg.registry import TASK_UTILS
from reference import method_inputs

from mmseg_incremental.errors import InputError
from mmseg_incremental.methods.targets.entropy_pseudo_labels import (
    CODE_EPSILON,
    EntropyPseudoLabels,
    code_entropy_scale,
    entropy_pseudo_labels,
    normalised_entropy,
)
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch

OTHER_SETS = [name for name in method_inputs.SETS if name != 'shown']


def statistics(thresholds, scale=1.0, epsilon=0.0):
    return dict(
        thresholds=torch.as_tensor(thresholds),
        entropy_scale=torch.tensor(scale),
        entropy_epsilon=torch.tensor(epsilon),
    )


def test_entropy_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]).log().T.reshape(1, 3, 1, 2)
    nats = 0.5 * math.log(2) + 0.5 * math.log(4)
    torch.testing.assert_close(normalised_entropy(logits), torch.tensor([[[nats, 0.0]]]))
    scaled = normalised_entropy(logits.double(), code_entropy_scale(3, 5), CODE_EPSILON)
    assert scaled[0, 0, 0] == pytest.approx(nats / 3 / math.log(3) / math.log(5), rel=1e-7)


@pytest.mark.parametrize(('num_old', 'num_classes'), [(2, 3), (16, 17), (21, 41)])
def test_entropy_of_the_code_is_at_most_one_by_k_ln_c(num_old, num_classes):
    even = torch.zeros(1, num_old, 1, 1, dtype=torch.float64)
    scale = code_entropy_scale(num_old, num_classes)
    top = normalised_entropy(even, scale, CODE_EPSILON).item()
    assert top == pytest.approx(1 / (num_old * math.log(num_classes)), rel=1e-6)


def test_labels_by_hand():
    # certain background, certain class 1, torn, new class, void, old label that is background too
    scores = [[9, 0], [0, 9], [0, 0.1], [9, 0], [9, 0], [0, 9]]
    old_logits = torch.tensor(scores, dtype=torch.float64).T.reshape(1, 2, 1, 6)
    labels = torch.tensor([[[0, 0, 0, 2, 255, 1]]])
    kept = labels.clone()
    made, share = entropy_pseudo_labels(labels, old_logits, torch.tensor([0.1, 0.1]))
    assert made.tolist() == [[[0, 1, 255, 2, 255, 1]]]
    assert share.tolist() == [pytest.approx(3 / (4 + 1e-6))]
    assert torch.equal(labels, kept)
    # each class has its own threshold
    made, share = entropy_pseudo_labels(labels, old_logits, torch.tensor([0.1, 0.0]))
    assert made.tolist() == [[[0, 255, 255, 2, 255, 255]]]
    assert share.tolist() == [pytest.approx(1 / (4 + 1e-6))]


def test_the_threshold_itself_is_not_certain_enough():
    old_logits = torch.tensor([2.0, 0.0]).reshape(1, 2, 1, 1)
    labels = torch.zeros(1, 1, 1, dtype=torch.long)
    at = normalised_entropy(old_logits).flatten().expand(2)
    assert entropy_pseudo_labels(labels, old_logits, at)[0].item() == 255
    assert entropy_pseudo_labels(labels, old_logits, at + 1e-6)[0].item() == 0


def test_infinity_accepts_all_and_nan_none():
    old_logits = torch.tensor([[0.1, 0.0], [0.0, 0.1]]).T.reshape(1, 2, 1, 2)
    labels = torch.zeros(1, 1, 2, dtype=torch.long)
    made, _ = entropy_pseudo_labels(labels, old_logits, torch.tensor([math.inf, math.nan]))
    assert made.tolist() == [[[0, 255]]]


@pytest.mark.parametrize('name', OTHER_SETS)
@pytest.mark.parametrize('of_code', [False, True])
def test_labels_equal_loops(name, of_code):
    part = method_inputs.build(name)['plop_pseudo']
    old, num_classes = part['K'], part['C']
    thresholds = [0.002 + 0.003 * c for c in range(old)] if of_code else [0.05 + 0.1 * old] * old
    options = (code_entropy_scale(old, num_classes), CODE_EPSILON) if of_code else (1.0, 0.0)
    made, share = entropy_pseudo_labels(part['y'], part['zo'], torch.tensor(thresholds), *options)
    arrays = part['y'].numpy(), part['zo'].numpy()
    expected = loops.pseudo_labels(*arrays, thresholds, num_classes if of_code else None)
    assert made.tolist() == expected[0].tolist()
    assert share.tolist() == pytest.approx(expected[1].tolist(), rel=1e-12)
    assert 0 < expected[1].max() < 1


def test_a_batch_is_labelled_at_its_full_size():
    torch.manual_seed(0)
    old_logits = 4 * torch.randn(2, 4, 3, 3)  # an extra channel beside three old classes
    labels = torch.randint(0, 5, (2, 9, 9))
    batch = LabelledBatch(labels, old_logits, Channels(3, 2), statistics=statistics([0.5] * 5))
    targets = EntropyPseudoLabels()(batch)
    assert targets.weight.shape == (2, 1, 1)
    full = torch.nn.functional.interpolate(old_logits[:, :3], (9, 9), mode='bilinear')
    expected, share = entropy_pseudo_labels(labels, full, torch.full((3,), 0.5))
    assert torch.equal(targets.labels, expected)
    torch.testing.assert_close(targets.weight.flatten(), share)
    assert (targets.labels[labels >= 3] == labels[labels >= 3]).all()


def test_another_ignored_label_and_a_batch_of_void():
    old_logits = torch.zeros(1, 3, 1, 2)
    labels = torch.tensor([[[2, 0]]])  # 2 is below K, but ignored
    batch = LabelledBatch(
        labels, old_logits, Channels(3, 1), ignore_index=2, statistics=statistics([9.0] * 3)
    )
    targets = EntropyPseudoLabels()(batch)
    assert targets.labels.tolist() == [[[2, 0]]]
    assert targets.weight.item() == pytest.approx(1, abs=1e-5)
    void = LabelledBatch(
        torch.full((1, 1, 2), 255), old_logits, Channels(3, 1), statistics=statistics([9.0] * 3)
    )
    targets = EntropyPseudoLabels()(void)
    assert targets.labels.tolist() == [[[255, 255]]]
    assert targets.weight.item() == 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    torch.manual_seed(1)
    old_logits = (8 * torch.randn(1, 5, 4, 4)).to(dtype)
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    thresholds = torch.full((5,), 0.2)
    made, share = entropy_pseudo_labels(labels, old_logits, thresholds)
    expected = entropy_pseudo_labels(labels, old_logits.float(), thresholds)
    assert torch.equal(made, expected[0])
    assert share.dtype == torch.float32
    assert torch.equal(share, expected[1])
    assert 0 < share.item() < 1


def test_what_no_survey_found_is_named():
    batch = LabelledBatch(torch.zeros(1, 1, 1).long(), torch.zeros(1, 2, 1, 1), Channels(2, 1))
    targets = TASK_UTILS.build(dict(type='EntropyPseudoLabels'))
    with pytest.raises(InputError, match=r'thresholds.*survey=dict'):
        targets(batch)


def test_labels_of_remembered_pictures_may_be_kept():
    old_logits = torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9], [0, 0, 9]]).T.reshape(1, 3, 1, 4)
    labels = torch.tensor([[[2, 0, 1, 255]]])
    thresholds = torch.ones(3)
    made, share = entropy_pseudo_labels(labels, old_logits, thresholds)
    assert made.tolist() == [[[0, 1, 2, 255]]]
    assert share.item() == pytest.approx(3 / (3 + 1e-6))
    made, share = entropy_pseudo_labels(labels, old_logits, thresholds, old_labels='kept')
    assert made.tolist() == [[[2, 1, 1, 255]]]
    assert share.item() == pytest.approx(1 / (1 + 1e-6))
    with pytest.raises(InputError, match="'background' or 'kept'"):
        TASK_UTILS.build(dict(type='EntropyPseudoLabels', old_labels='ignored'))
