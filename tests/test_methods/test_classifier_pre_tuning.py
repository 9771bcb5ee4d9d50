"""NeST: new classifiers tuned as combinations of old ones before a step."""

from pathlib import Path

import pytest
import torch
from meta_device import meta_batch
from mmengine.structures import PixelData
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from reference import method_inputs
from tiny import tiny_sequence

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.classifier_pre_tuning import PreTunedRows, class_gates
from mmseg_incremental.models.losses import unbiased_cross_entropy

CHANNELS = Channels(3, 2)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gates_equal_loops():
    features, logits = random(2, 4, 3, 3), random(2, 3, 3, 3, seed=1)
    labels = (torch.arange(18) % 6).reshape(2, 3, 3)
    labels[labels == 5] = 255
    weight = random(3, 4, seed=2)
    sums, number = class_gates(features, logits, labels, weight, CHANNELS)
    prob = logits.softmax(1)
    expected = torch.zeros(2, 3, 4, dtype=torch.float64)
    for n, i, j in ((n, i, j) for n in range(2) for i in range(3) for j in range(3)):
        c = int(labels[n, i, j]) - 3
        if c not in (0, 1):
            continue
        for k in range(3):
            for d in range(4):
                if features[n, d, i, j] * weight[k, d] > 0:
                    expected[c, k, d] += prob[n, k, i, j]
    torch.testing.assert_close(sums, expected)
    assert number.tolist() == [(labels == c).sum() for c in (3, 4)]


def test_rows_are_those_of_the_formulas():
    part = method_inputs.build('shown')['nest']
    rows = PreTunedRows(part['w'], part['b'], part['m']).double()
    torch.testing.assert_close(rows.shares, part['m'].sum(2).softmax(1))
    with torch.no_grad():
        rows.shares.copy_(part['p'])
        rows.bias.copy_(part['nb'])
    expected = [-0.529135654924003, -0.090796628939897, 0.501886727276498, 0.712517682212670,
                0.413545444605197]  # fmt: skip
    torch.testing.assert_close(
        rows.new()[0], torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12
    )
    torch.testing.assert_close(rows.background(), part['w'][0])
    features = random(2, part['w'].shape[1], 3, 3)
    logits = rows(features)
    old = torch.einsum('kd,ndhw->nkhw', part['w'], features) + part['b'][:, None, None]
    torch.testing.assert_close(logits[:, : len(old[0])], old)
    new = torch.einsum('kd,ndhw->nkhw', rows.new(), features) + part['nb'][:, None, None]
    torch.testing.assert_close(logits[:, len(old[0]) :], new)


def test_what_is_tuned():
    weight, bias = random(3, 4), random(3, seed=1)
    rows = PreTunedRows(weight, bias, random(2, 3, 4, seed=2))
    assert rows.bias.tolist() == [bias[0].item()] * 2
    names = {name for name, _ in rows.named_parameters()}
    assert names == {'gates', 'shares', 'bias', 'background_gates', 'background_share'}
    rows(random(1, 4, 2, 2)).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in rows.parameters())


class Passes:
    """Batches of one picture whose upper half is the new class."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number

    def __iter__(self):
        for k in range(self.number):
            labels = torch.zeros(1, 64, 64).long()
            labels[:, :32] = 5
            samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
            pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(k))
            pictures[:, :, :32] += 2
            yield pictures, samples


def test_a_model_is_tuned_in_place(shapes: Path, tmp_path: Path):
    sequence = tiny_sequence(shapes, tmp_path, 'nest_plop')
    torch.manual_seed(0)
    model = MODELS.build(sequence.step(1).config.model).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    init = TASK_UTILS.build(dict(type='ClassifierPreTuning', epochs=30, size=32))
    lengths = []

    def batches(passes):
        lengths.append(passes)
        return Passes(int(passes))

    def loss():
        pictures, samples = next(iter(Passes(1)))
        labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
        with torch.no_grad():
            logits = model.eval().encode_decode(pictures, [dict(img_shape=(64, 64))] * 2)
        model.train()
        return unbiased_cross_entropy(logits, labels, 5).item()

    init(model, batches, lr=0.1)
    assert lengths == [1, 30]
    assert model.training
    after = model.state_dict()
    key = 'decode_head.conv_seg.weight'
    rows, old = after[key].flatten(1), before[key].flatten(1)[:5]
    assert torch.equal(rows[1:5], old[1:])
    torch.testing.assert_close(rows[0].norm(), old[0].norm())
    torch.testing.assert_close(rows[5].norm(), old.norm(dim=1).mean())
    changed = {
        name for name, value in after.items()
        if not torch.equal(value, before[name]) and 'conv_seg' not in name
    }  # fmt: skip
    assert changed
    assert all(name.rpartition('.')[2].startswith(('running', 'num_batches')) for name in changed)
    for index in (0, 1):
        name = f'auxiliary_head.{index}.conv_seg.weight'
        assert torch.equal(after[name][5], before[name][0])
    tuned = loss()
    with torch.no_grad():
        model.decode_head.conv_seg[-1].weight.copy_(before[key][5:])
        model.decode_head.conv_seg[-1].bias.copy_(before['decode_head.conv_seg.bias'][5:])
    assert tuned < loss(), 'better than random rows'


def test_without_a_pass_it_is_refused():
    with pytest.raises(InputError, match='must be above 0'):
        TASK_UTILS.build(dict(type='ClassifierPreTuning', epochs=0))


def test_it_reads_no_value_from_the_device(shapes: Path, tmp_path: Path):
    model = MODELS.build(tiny_sequence(shapes, tmp_path, 'nest_plop').step(1).config.model)
    init = TASK_UTILS.build(dict(type='ClassifierPreTuning', epochs=2, size=32))
    init(model.to('meta'), lambda passes: [meta_batch()] * passes, lr=0.1)
    assert model.decode_head.conv_seg[-1].weight.is_meta
