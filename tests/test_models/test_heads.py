"""Every decode head that mmseg registers grows by one convolution per step, or is refused."""

import copy
import re

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny_heads import GROWING, REFUSED, SIZES, model_config, registered_heads
from torch import nn
from torch.nn import functional as F

from mmseg_incremental.models import IncrementalClassifier, init_from_background
from mmseg_incremental.models.folding import fold_batch_norm
from mmseg_incremental.models.growth import build_head, grow_head, refusal
from mmseg_incremental.models.losses import (
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)

pytestmark = pytest.mark.filterwarnings('ignore')

#: Convolutions of DMHead are made anew for every picture; the pooling window of LRASPPHead is
#: larger than the features of small pictures; LightHamHead makes numbers in single precision.
UNFOLDED = {'DMHead', 'LRASPPHead', 'LightHamHead'}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def head_config(name, **changes):
    configs = {**GROWING, **{key: value for key, (value, _) in REFUSED.items()}}
    return dict(configs[name], type=name, **changes)


def stock(name, num_classes):
    cfg = model_config(name)
    cfg.decode_head.num_classes = num_classes
    return MODELS.build(cfg)


def grown(name, classes_per_step, extra=None):
    model = stock(name, 2)
    grow_head(model.decode_head, classes_per_step, extra)
    return model


def batch(name, num_classes):
    size = SIZES.get(name, 64)
    labels = torch.randint(0, num_classes, (2, size, size))
    labels[:, :3] = 255
    return torch.randn(2, 3, size, size), labels


def logits_of(model, pictures):
    torch.manual_seed(0)  # LightHam draws random numbers in every forward pass
    return model.decode_head(model.extract_feat(pictures))


def upsampled(model, pictures):
    return F.interpolate(logits_of(model, pictures), pictures.shape[2:], mode='bilinear')


def train(model, loss, iterations=2):
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(iterations):
        optimizer.zero_grad()
        value = loss()
        assert value.isfinite()
        value.backward()
        optimizer.step()


def test_every_head_of_mmseg_is_looked_at():
    known = GROWING.keys() | REFUSED.keys()
    assert registered_heads() | {'BiSeNetIncrementalHead'} == known
    assert not GROWING.keys() & REFUSED.keys()
    assert len(GROWING.keys() & registered_heads()) >= 22
    print(f'\n{len(GROWING)} heads learn step by step: {", ".join(sorted(GROWING))}')
    print(f'{len(REFUSED)} heads are refused:')
    for name in sorted(REFUSED):
        print(f'  {refusal(head_config(name))}')


@pytest.mark.parametrize('name', sorted(REFUSED))
def test_a_head_that_cannot_grow_is_refused_in_one_line(name):
    line = refusal(head_config(name))
    assert line.startswith(f'{name} cannot learn step by step: ')
    assert '\n' not in line
    assert re.search(REFUSED[name][1], line)


@pytest.mark.parametrize('name', sorted(GROWING))
def test_a_head_learns_two_steps_of_mib_and_stock_mmseg_loads_it(name):
    assert refusal(head_config(name)) is None
    old = grown(name, [5])
    pictures, labels = batch(name, 5)
    train(old, lambda: F.cross_entropy(upsampled(old, pictures), labels, ignore_index=255))

    new = grown(name, [5, 1])
    classifier = new.decode_head.conv_seg
    result = new.load_state_dict(old.state_dict(), strict=False)
    assert result.unexpected_keys == []
    assert set(result.missing_keys) == {
        f'decode_head.conv_seg.{key}' for key in classifier.new_parameter_names()
    }
    init_from_background(classifier)
    before = copy.deepcopy(new.state_dict())
    folded = fold_batch_norm(old.eval())
    assert (folded is not old) == (name not in UNFOLDED)
    with torch.no_grad():
        old_logits = upsampled(folded, pictures)
    labels[labels < 4] = 0
    labels[labels == 4] = 5

    def loss():
        logits = upsampled(new, pictures)
        own = unbiased_cross_entropy(logits, labels, num_old=5)
        return own + 10 * unbiased_knowledge_distillation(logits, old_logits)

    train(new, loss)
    after = new.state_dict()
    moved = {key for key in after if not torch.equal(before[key], after[key])}
    assert 'decode_head.conv_seg.weight' in moved
    assert any(key.startswith('backbone.') and key.endswith('.weight') for key in moved)

    plain = stock(name, 6)
    assert list(plain.state_dict()) == list(after)
    plain.load_state_dict(after, strict=True)
    for model in (new, plain):
        model.eval()
    with torch.no_grad():
        assert torch.equal(logits_of(plain, pictures), logits_of(new, pictures))
    assert new.decode_head.num_classes == new.decode_head.out_channels == 6


@pytest.mark.parametrize('name', sorted(GROWING))
def test_init_weights_starts_the_classifier_as_the_stock_head_does(name):
    cfg = head_config(name)
    cfg['num_classes'] = 900
    plain = MODELS.build(ConfigDict(cfg))
    head = copy.deepcopy(plain)
    grow_head(head, [400, 200, 300], {'unknown': 200})
    for conv in (plain.conv_seg, *head.conv_seg, head.conv_seg.extra['unknown']):
        nn.init.constant_(conv.weight, 7.0)
        nn.init.constant_(conv.bias, 7.0)
    plain.init_weights()
    head.init_weights()
    expected = plain.conv_seg
    assert expected.weight.std() < 1
    for conv in (*head.conv_seg, head.conv_seg.extra['unknown']):
        assert conv.weight.std().item() == pytest.approx(expected.weight.std().item(), rel=0.1)
        assert conv.weight.mean().item() == pytest.approx(0, abs=0.002)
        assert conv.bias.unique().tolist() == expected.bias.unique().tolist()


@pytest.mark.parametrize('name', ['ASPPHead', 'LightHamHead'])
def test_folding_draws_no_random_numbers(name):
    model = stock(name, 5).eval()
    state = torch.get_rng_state()
    fold_batch_norm(model)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize('name', ['ASPPHead', 'DPTHead', 'LightHamHead'])
def test_channels_beside_the_classes_come_last(name):
    model = grown(name, [5, 1], {'unknown': 2}).eval()
    head = model.decode_head
    assert (head.num_classes, head.out_channels) == (6, 8)
    plain = stock(name, 6).eval()
    state = model.state_dict()
    extra = {key: state.pop(key) for key in list(state) if '.extra.' in key}
    assert {key.split('conv_seg.')[1] for key in extra} == {
        'extra.unknown.weight', 'extra.unknown.bias',
    }  # fmt: skip
    plain.load_state_dict(state, strict=True)
    pictures, _ = batch(name, 5)
    with torch.no_grad():
        logits = logits_of(model, pictures)
        assert logits.shape[1] == 8
        torch.testing.assert_close(logits[:, :6], logits_of(plain, pictures))


@pytest.mark.parametrize('name', sorted(GROWING))
def test_the_own_loss_of_a_head_takes_the_grown_logits(name):
    model = copy.deepcopy(grown(name, [5, 1]))
    head = model.decode_head
    logits = torch.randn(3, 6, 8, 8, requires_grad=True)
    labels = torch.randint(0, 6, (3, 1, 16, 16))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    losses = head.loss_by_feat(logits, samples)
    assert set(losses) == {'loss_ce', 'acc_seg'}
    full = F.interpolate(logits, (16, 16), mode='bilinear')
    torch.testing.assert_close(losses['loss_ce'], F.cross_entropy(full, labels.squeeze(1)))


def test_building_a_head_draws_the_classifier_first():
    # a layer without an initialisation of its own keeps what it was built with: convs of FCNHead
    cfg = head_config('FCNHead')
    torch.manual_seed(3)
    head = build_head(cfg, [4, 2])
    torch.manual_seed(3)
    classifier = IncrementalClassifier(16, [4, 2])
    plain = FCNHead(num_classes=6, **GROWING['FCNHead'])
    assert 'num_classes' not in cfg
    assert torch.equal(head.convs[0].conv.weight, plain.convs[0].conv.weight)
    assert torch.equal(head.conv_seg.state_dict()['weight'], classifier.state_dict()['weight'])


# --- what refusal looks at ----------------------------------------------------------------------


@MODELS.register_module(force=True)
class TwoMaps(FCNHead):
    """Returns two maps while it is trained."""

    def forward(self, inputs):
        logits = super().forward(inputs)
        return (logits, logits) if self.training else logits


@MODELS.register_module(force=True)
class OtherInputs(FCNHead):
    """Wants something else than a pyramid."""

    def forward(self, inputs):
        return super().forward([inputs['map']])


@MODELS.register_module(force=True)
class SecondClassifier(FCNHead):
    """Classifies with a convolution of its own."""

    def cls_seg(self, feat):
        return F.conv2d(feat, torch.zeros(self.num_classes, self.channels, 1, 1, device='meta'))


@MODELS.register_module(force=True)
class ReadsValues(FCNHead):
    """Cannot be built without values."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.width = int(torch.ones(3).sum())

    def forward(self, inputs):
        return [super().forward(inputs)]


@MODELS.register_module(force=True)
class MoreTerms(FCNHead):
    """Adds a term to the loss of one map."""

    def loss_by_feat(self, seg_logits, batch_data_samples):
        losses = super().loss_by_feat(seg_logits, batch_data_samples)
        return {**losses, 'loss_size': seg_logits.square().mean()}


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('TwoMaps', 'in training it returns a tuple, not one map of logits'),
        ('ReadsValues', 'in training it returns a list, not one map of logits'),
        ('SecondClassifier', 'in training it does not return what conv_seg makes of its features'),
        ('OtherInputs', None),
        ('MoreTerms', None),
    ],
)
def test_heads_of_a_user_are_judged_by_what_they_do(name, reason):
    line = refusal(dict(GROWING['FCNHead'], type=name))
    assert line == (reason and f'{name} cannot learn step by step: {reason}')


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (dict(out_channels=1), 'out_channels is given'),
        (dict(channels=None), 'cannot be built'),
        (dict(type='NoSuchHead'), 'mmseg knows no such head'),
        (dict(type='EncHead', **{**GROWING['EncHead'], 'use_se_loss': True}), 'se_layer'),
    ],
)
def test_configs_that_cannot_grow(changes, reason):
    assert reason in refusal({**head_config('FCNHead'), **changes})


def test_a_head_that_fails_without_a_word_is_refused_in_one_line():
    cfg = head_config('LRASPPHead')
    assert 'cannot be built (AssertionError' in refusal({**cfg, 'branch_channels': (32,)})


def test_refusal_takes_a_class_and_leaves_everything_as_it_is():
    cfg = dict(GROWING['FCNHead'], type=FCNHead)
    before = copy.deepcopy(cfg)
    state = torch.get_rng_state()
    assert refusal(cfg) is None
    assert refusal(head_config('STDCHead'))
    assert cfg == before
    assert torch.equal(torch.get_rng_state(), state)
