"""Every base model is a stock config of mmseg whose heads grow."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmseg_incremental.errors import InputError
from mmseg_incremental.models import complete_bisenet, grow_head, record_taps, refusal
from mmseg_incremental.models.folding import fold_batch_norm

FOLDER = Path(__file__).parents[2] / 'configs' / '_base_' / 'models'
#: Features of the stages, those of PLOP: channels, and stride.
STAGES = {
    'bisenet_efficientnet-lite0': ([24, 40, 112, 320], [4, 8, 16, 32]),
    'bisenet_r18': ([64, 128, 256, 512], [4, 8, 16, 32]),
    'bisenet_r50': ([256, 512, 1024, 2048], [4, 8, 16, 32]),
    'bisenet_r101': ([256, 512, 1024, 2048], [4, 8, 16, 32]),
    'deeplabv3_r101': ([256, 512, 1024, 2048], [4, 8, 16, 16]),
    'deeplabv3plus_r50': ([256, 512, 1024, 2048], [4, 8, 16, 16]),
    'segformer_b0': ([32, 64, 160, 256], [4, 8, 16, 32]),
    'segformer_b2': ([64, 128, 320, 512], [4, 8, 16, 32]),
    'upernet_swin-t': ([96, 192, 384, 768], [4, 8, 16, 32]),
}
#: Channels of the features that the classifier of the decode head takes.
HEAD = {'deeplabv3': 256, 'deeplabv3plus': 256, 'segformer': 256, 'upernet': 512, 'bisenet': 32}
#: Base models that take some seconds.
LARGE = ('bisenet_r50', 'bisenet_r101', 'deeplabv3_r101', 'segformer_b2', 'upernet_swin-t')

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture(autouse=True)
def _mmseg():
    init_default_scope('mmseg')
    torch.manual_seed(0)


def load(name):
    if 'efficientnet' in name:
        pytest.importorskip('timm')
    return Config.fromfile(FOLDER / f'{name}.py')


def head_configs(model):
    return [model.decode_head, *model.get('auxiliary_head', [])]


def heads(model):
    return [model.decode_head, *(model.auxiliary_head if model.with_auxiliary_head else [])]


def stock(cfg, num_classes):
    model = copy.deepcopy(cfg.model)
    for head in head_configs(model):
        head.num_classes = num_classes
    return MODELS.build(model)


def test_every_base_model_is_looked_at():
    assert {path.stem for path in FOLDER.glob('*.py')} == STAGES.keys()


@pytest.mark.parametrize('name', STAGES)
def test_config_is_one_of_stock_mmseg(name):
    cfg = load(name)
    assert set(cfg) - {'taps'} == {'model', 'backbone_weights'}
    assert cfg.backbone_weights.startswith('weights/')
    assert cfg.model.type == 'EncoderDecoder'
    for head in head_configs(cfg.model):
        assert not {'num_classes', 'loss_decode', 'classes_per_step'} & set(head)
        assert refusal(head) is None


@pytest.mark.parametrize(
    ('name', 'classes_per_step'),
    [
        *((name, [5, 1]) for name in STAGES),
        *(pytest.param(name, [5], marks=[pytest.mark.slow] * (name in LARGE)) for name in STAGES),
    ],
)
def test_base_model_learns(name, classes_per_step):
    cfg = load(name)
    model = stock(cfg, 2)
    model.taps = cfg.get('taps')
    for head in heads(model):
        grow_head(head, classes_per_step)
    pictures = torch.randn(2, 3, 64, 64)
    labels = torch.randint(0, sum(classes_per_step), (2, 64, 64))
    with record_taps(model, ['stages', 'head', 'logits']) as taps:
        features = model.extract_feat(pictures)
        logits = [head(features) for head in heads(model)]
    channels, strides = STAGES[name]
    assert [stage.shape[1] for stage in taps['stages']] == channels
    assert [64 // stage.shape[2] for stage in taps['stages']] == strides
    # before their last activation, where there is one
    assert all(stage.min() < 0 for stage in taps['stages'])
    assert taps['head'].shape[1] == HEAD[name.split('_')[0]]
    assert taps['logits'] is logits[0]
    sum(F.cross_entropy(F.interpolate(out, (64, 64)), labels) for out in logits).backward()
    untrained = [key for key, value in model.named_parameters() if value.grad is None]
    assert untrained == []
    model.init_weights()
    assert all(conv.bias.abs().max() == 0 for conv in model.decode_head.conv_seg)
    plain = stock(cfg, sum(classes_per_step))
    plain.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        ours, theirs = (
            net.eval().encode_decode(pictures, [{'img_shape': (64, 64)}]) for net in (model, plain)
        )
    assert ours.std() > 0
    assert torch.equal(ours, theirs)


def test_normalisation_with_an_activation_is_folded():
    model = stock(load('bisenet_efficientnet-lite0'), 5)
    with torch.no_grad():  # fresh statistics would hide a normalisation that is folded wrongly
        model.decode_head(model.extract_feat(3 * torch.randn(4, 3, 64, 64) + 1))
    folded = fold_batch_norm(model.eval())
    assert folded is not model
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    tap = 'backbone.context_path.backbone.timm_model.blocks.2'
    pictures = torch.randn(2, 3, 64, 64)
    found = []
    for one in (model, folded):
        with torch.no_grad(), record_taps(one, [tap]) as taps:
            found.append((one.decode_head(one.extract_feat(pictures)), taps))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[0][1][tap], found[1][1][tap], rtol=1e-4, atol=1e-4)


# --- channels of BiSeNet ------------------------------------------------------------------------


def without_channels(name):
    model = load(name).model
    del model.backbone.context_channels
    for head in model.auxiliary_head:
        del head.in_channels
    return model


@pytest.mark.parametrize('name', [name for name in STAGES if name.startswith('bisenet')])
def test_channels_that_are_left_out_follow_from_the_backbone(name):
    model, expected = without_channels(name), load(name).model
    del model.backbone.spatial_channels
    del model.decode_head.in_channels
    complete_bisenet(model)
    last = expected.backbone.spatial_channels[-1]
    assert model.backbone.spatial_channels == (64, 64, 64, last)
    expected.backbone.spatial_channels = (64, 64, 64, last)
    assert model == expected
    features = stock(ConfigDict(model=model), 5).extract_feat(torch.randn(2, 3, 64, 64))
    assert len(features) == 3


@pytest.mark.parametrize('name', STAGES)
def test_a_config_that_is_complete_stays_as_it_is(name):
    model = load(name).model
    before, state = copy.deepcopy(model), torch.get_rng_state()
    complete_bisenet(model)
    assert model == before
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(backbone=dict(backbone_cfg=dict(depth=50))),
         r'model\.backbone\.context_channels is \(128, 256, 512\), .* \(512, 1024, 2048\)'),
        (dict(backbone=dict(context_channels=[128, 256, 500])),
         r'model\.backbone\.context_channels is \[128, 256, 500\], .* \(128, 256, 512\)'),
        (dict(backbone=dict(spatial_channels=(32, 32, 32, 72))),
         r'model\.backbone\.spatial_channels is \(32, 32, 32, 72\), .* \(32, 32, 32, 128\)'),
        (dict(decode_head=dict(in_channels=64)),
         r'model\.decode_head\.in_channels is 64, .* 32'),
        (dict(auxiliary_head=[dict(in_index=1, in_channels=128), dict(in_index=2, in_channels=40)]),
         r'model\.auxiliary_head\[1\]\.in_channels is 40, .* 128'),
        (dict(auxiliary_head=dict(_delete_=True, in_index=2, in_channels=40)),
         r'model\.auxiliary_head\.in_channels is 40, .* 128'),
        (dict(backbone=dict(backbone_cfg=dict(out_indices=(1, 2, 3)))),
         r'maps of \(128, 256, 512\) channels, but BiSeNet needs four'),
        (dict(backbone=dict(backbone_cfg=dict(deepth=50))),
         r'model\.backbone\.backbone_cfg cannot be used for BiSeNet \(.*deepth'),
    ],
)  # fmt: skip
def test_channels_that_contradict_each_other_are_told(change, message):
    cfg = load('bisenet_r18')
    cfg.merge_from_dict(dict(model=change))
    with pytest.raises(InputError, match=message):
        complete_bisenet(cfg.model)


def test_a_head_on_several_outputs_gets_the_channels_of_each():
    model = without_channels('bisenet_r18')
    model.decode_head = dict(type='UPerHead', in_index=[0, 1, 2], channels=8)
    complete_bisenet(model)
    assert model.decode_head.in_channels == (32, 128, 128)
