"""The plain mmseg config that runs a step's checkpoint."""

import copy
import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.apis import inference_model, init_model
from mmseg.models.decode_heads import FCNHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from tiny import ROOT, leaf, tiny_sequence

from mmseg_incremental.apis import run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_sequence, plain_config
from mmseg_incremental.sequence.checkpoint import save_step_checkpoint
from mmseg_incremental.sequence.plain_config import check_plain, write_plain_config

CONFIGS = ROOT / 'configs'
META = {'dataset_meta': {'classes': ['background', 'disc'], 'palette': [[0, 0, 0], [1, 2, 3]]}}

# small networks of stock parts, as a user of mmseg would write them
_NORM = dict(type='BN', requires_grad=True)
_BACKBONE = dict(
    type='ResNetV1c', depth=18, num_stages=4, out_indices=(0, 1, 2, 3), dilations=(1, 1, 2, 4),
    strides=(1, 2, 1, 1), base_channels=8, norm_cfg=_NORM, style='pytorch', contract_dilation=True,
    stem_channels=8,
)  # fmt: skip
_HEAD = dict(in_index=3, in_channels=64, channels=16, dropout_ratio=0.1, norm_cfg=_NORM,
             align_corners=False)  # fmt: skip
_ASPP = dict(_HEAD, type='ASPPHead', dilations=(1, 2, 4, 6))
_HEADS = {
    'ASPPHead': _ASPP,
    'DepthwiseSeparableASPPHead': dict(
        _ASPP, type='DepthwiseSeparableASPPHead', c1_in_channels=8, c1_channels=8
    ),
}


def network(head, auxiliary=True):
    """Config of a segmentor around a stock head, without any number of classes."""
    return dict(
        _delete_=True,
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True, pad_val=0, seg_pad_val=255,
        ),
        backbone=_BACKBONE,
        decode_head=_HEADS[head],
        auxiliary_head=dict(
            _HEAD, type='FCNHead', in_index=2, in_channels=32, num_convs=1, concat_input=False
        ) if auxiliary else None,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )  # fmt: skip


@functools.cache
def read(**options):
    """Sequences that nobody changes."""
    return load_sequence(leaf(), options)


def step_of(head, index):
    return load_sequence(leaf(), {'model': network(head)}).step(index)


def trained(step):
    """A model whose batch normalisation has the statistics of a batch, so that signals pass."""
    torch.manual_seed(step.index)
    model = MODELS.build(copy.deepcopy(step.config.model))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    logits(model.train(), torch.randn(2, 3, 64, 96))
    return model.eval()


def auxiliary_heads(model):
    heads = getattr(model, 'auxiliary_head', None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, torch.nn.ModuleList) else [heads]


def logits(model, pictures):
    with torch.no_grad():
        features = model.extract_feat(pictures)
        heads = [model.decode_head, *auxiliary_heads(model)]
        return [
            model.encode_decode(pictures, [dict(img_shape=pictures.shape[2:])]),
            *(head(features) for head in heads),
        ]


def assert_same_logits(model, step):
    """Stock mmseg's network takes the state and gives every logit to the last bit."""
    stock = MODELS.build(plain_config(step).model).eval()
    assert type(stock) is EncoderDecoder
    state = model.state_dict()
    assert list(stock.state_dict()) == list(state)
    stock.load_state_dict(state, strict=True)
    pictures = torch.randn(2, 3, 64, 96)
    ours, theirs = logits(model, pictures), logits(stock, pictures)
    assert ours[0].shape == (2, 5 + step.index, 64, 96)
    assert ours[0].std(dim=(2, 3)).min() > 0, 'logits that do not depend on the picture'
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    return stock


# --- the network --------------------------------------------------------------------------------


@pytest.mark.parametrize('index', [0, 2])
def test_stock_model_gives_the_very_same_logits(index):
    step = read().step(index)
    stock = assert_same_logits(trained(step), step)
    assert all(type(head) is FCNHead for head in [stock.decode_head, *stock.auxiliary_head])


@pytest.mark.parametrize('head', _HEADS)
@pytest.mark.parametrize('index', [0, 2])
def test_stock_heads_are_named_and_give_the_very_same_logits(head, index):
    step = step_of(head, index)
    stock = assert_same_logits(trained(step), step)
    assert type(stock.decode_head).__name__ == head
    assert type(stock.auxiliary_head) is FCNHead
    plain = plain_config(step).model
    # the user's own config, with the classes of the step and mmseg's own loss
    expected = dict(_HEADS[head], num_classes=5 + index, loss_decode=dict(type='CrossEntropyLoss'))
    assert plain.decode_head == expected
    assert plain.backbone == _BACKBONE
    assert plain.type == 'EncoderDecoder'


def test_a_model_without_auxiliary_heads():
    step = load_sequence(leaf(), {'model': network('ASPPHead', auxiliary=False)}).step(1)
    assert plain_config(step).model.auxiliary_head is None
    check_plain(step)
    assert_same_logits(trained(step), step)


def test_segmentor_of_a_sequence_may_be_named_in_the_model():
    step = load_sequence(leaf(), {'model.type': 'IncrementalEncoderDecoder'}).step(1)
    assert_same_logits(trained(step), step)


def test_stock_state_goes_back_into_the_incremental_model():
    step = read().step(1)
    stock = MODELS.build(plain_config(step).model).eval()
    model = trained(step)
    model.load_state_dict(stock.state_dict(), strict=True)
    pictures = torch.randn(1, 3, 64, 64)
    assert torch.equal(logits(model, pictures)[0], logits(stock, pictures)[0])


@pytest.mark.parametrize('backbone', ['r50', 'r101'])
def test_large_backbones_have_the_same_parts(backbone, monkeypatch):
    monkeypatch.setattr(torch.nn.Conv2d, 'reset_parameters', lambda _: None)
    step = read(model=f'bisenet_{backbone}', task='voc_15-5s').step(5)
    stock = MODELS.build(plain_config(step).model).state_dict()
    model = MODELS.build(copy.deepcopy(step.config.model)).state_dict()
    assert {n: v.shape for n, v in stock.items()} == {n: v.shape for n, v in model.items()}
    check_plain(step)


def test_a_network_that_stock_mmseg_could_not_load_is_refused_before_training(monkeypatch):
    """As when the plain config named another head than the one that learns."""
    step = step_of('DepthwiseSeparableASPPHead', 1)
    check_plain(step)

    def wrong(step):
        cfg = plain_config(step)
        cfg.model.decode_head = ConfigDict(_ASPP, num_classes=6)
        return cfg

    monkeypatch.setattr(sys.modules[check_plain.__module__], 'plain_config', wrong)
    with pytest.raises(
        InputError,
        match=r'could not load step 1: .*DepthwiseSeparableASPPHead differ in .*aspp_modules',
    ) as caught:
        check_plain(step)
    assert '\n' not in str(caught.value)


def test_module_that_the_network_lacks_is_told_before_step_0_is_trained(shapes, tmp_path):
    term = dict(type='FeatureDistillation', module='backbone.context_path.arm61')
    sequence = tiny_sequence(shapes, tmp_path / 'work', **{'method.distillation': [term]})
    with pytest.raises(InputError, match=r"no module 'backbone\.context_path\.arm61'.*decode_head"):
        run_sequence(sequence)
    assert not (tmp_path / 'work').exists()


def test_checking_leaves_the_step_alone():
    step = step_of('ASPPHead', 1)
    before = step.config.pretty_text
    check_plain(step)
    assert step.config.pretty_text == before


# --- the config ---------------------------------------------------------------------------------


def test_config_of_the_sequence_is_not_changed():
    step = load_sequence(leaf()).step(1)
    before = copy.deepcopy(step.sequence.cfg._cfg_dict.to_dict())
    here = copy.deepcopy(step.config._cfg_dict.to_dict())
    plain = plain_config(step)
    plain.model.decode_head.num_classes = 99
    plain.model.backbone.clear()
    plain.test_pipeline.clear()
    plain.test_dataloader.dataset.pipeline.clear()
    assert step.sequence.cfg._cfg_dict.to_dict() == before
    assert step.config._cfg_dict.to_dict() == here


def test_pictures_are_loaded_as_for_the_evaluation():
    changes = {'test_dataloader.dataset.pipeline.0.color_type': 'grayscale'}
    plain = plain_config(load_sequence(leaf(), changes).step(1))
    assert plain.test_pipeline[0].color_type == 'grayscale'
    assert plain.test_dataloader.dataset.pipeline == plain.test_pipeline


def test_names_and_colours_of_the_classes_are_told():
    step = load_sequence(leaf(), {'task.class_order': [6, 5, 4, 3, 2, 1]}).step(1)
    plain = plain_config(step)
    metainfo = plain.test_dataloader.dataset.metainfo
    assert metainfo.classes == ['background', 'cross', 'ring', 'star', 'triangle', 'square']
    assert len(metainfo.palette) == plain.model.decode_head.num_classes == 6
    in_order = plain_config(read().step(2)).test_dataloader.dataset.metainfo
    # a class keeps its colour, whenever it is learnt
    colors = dict(zip(in_order.classes, in_order.palette, strict=True))
    assert [colors[name] for name in metainfo.classes] == metainfo.palette


def test_written_file_is_the_config_and_needs_nothing_of_ours(tmp_path):
    step = load_sequence(leaf(), {}, str(tmp_path)).step(1)
    write_plain_config(step)
    path = tmp_path / 'step_1.py'
    assert [p.name for p in tmp_path.iterdir()] == ['step_1.py']
    plain = Config.fromfile(path)
    assert plain._cfg_dict.to_dict() == plain_config(step)._cfg_dict.to_dict()
    assert 'ncremental' not in path.read_text()
    assert [
        head.num_classes for head in (plain.model.decode_head, *plain.model.auxiliary_head)
    ] == ([6] * 3)


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(_self, file):
        Path(file).write_text('half')
        raise OSError('no space left on device')

    monkeypatch.setattr(Config, 'dump', fail)
    with pytest.raises(OSError, match='no space'):
        write_plain_config(load_sequence(leaf(), {}, str(tmp_path)).step(1))
    assert list(tmp_path.iterdir()) == []


# --- mmseg's own tools --------------------------------------------------------------------------


@pytest.fixture(params=['bisenet', 'ASPPHead', 'DepthwiseSeparableASPPHead'])
def saved(request, tmp_path):
    """A step, its model, and its two files in a folder."""
    options = {} if request.param == 'bisenet' else {'model': network(request.param)}
    step = load_sequence(leaf(), options, str(tmp_path)).step(1)
    model = trained(step)
    write_plain_config(step)
    meta = dict(
        dataset_meta=dict(
            classes=step.sequence.task.channel_names(1), palette=[[i, i, i] for i in range(6)]
        )
    )
    save_step_checkpoint(step.sequence.work_dir.checkpoint(1), model.state_dict(), meta)
    return step, model, tmp_path / 'step_1.py', tmp_path / 'step_1.pth'


def test_stock_inference_runs_the_checkpoint(saved):
    _, model, config, checkpoint = saved
    stock = init_model(str(config), str(checkpoint), device='cpu')
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    result = inference_model(stock, picture)
    # the checkpoint is for BGR pictures, which mmseg reads, and a network that sees RGB
    mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)
    rgb = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        expected = model.encode_decode((rgb - mean) / std, [dict(img_shape=(50, 70))])
    assert result.seg_logits.data.shape == (6, 50, 70)
    torch.testing.assert_close(result.seg_logits.data[None], expected, rtol=1e-4, atol=1e-4)
    names = ['background', 'disc', 'square', 'triangle', 'star', 'ring']
    assert list(stock.dataset_meta['classes']) == names


def run_plain(code, folder):
    """Run code in a process where nothing of ours is imported, and see that it stays so."""
    check = "assert not [name for name in sys.modules if name.startswith('mmseg_incremental')]"
    done = subprocess.run(
        [sys.executable, '-c', f'import sys\n{textwrap.dedent(code)}\n{check}\n'],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize('saved', ['DepthwiseSeparableASPPHead'], indirect=True)
def test_stock_inferencer_runs_the_checkpoint_and_shows_our_classes(saved, tmp_path):
    _, _, config, checkpoint = saved
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    np.save(tmp_path / 'picture.npy', picture)
    run_plain(
        f"""
        import numpy as np
        from mmseg.apis import MMSegInferencer
        picture = np.load('picture.npy')
        inferencer = MMSegInferencer({config.name!r}, {checkpoint.name!r}, device='cpu')
        result = inferencer(picture, return_vis=True)
        assert result['visualization'].shape == picture.shape
        shown = inferencer.visualizer.dataset_meta
        names = ['background', 'disc', 'square', 'triangle', 'star', 'ring']
        assert list(shown['classes']) == names, shown
        assert len(shown['palette']) == 6, shown
        np.save('labels.npy', result['predictions'])
        """,
        tmp_path,
    )
    stock = init_model(str(config), str(checkpoint), device='cpu')
    expected = inference_model(stock, picture).pred_sem_seg.data[0].numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(np.load(tmp_path / 'labels.npy'), expected)
