import copy
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.models.decode_heads import FCNHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS

from mmseg_incremental.engine import load_config, plain_config, step_config
from mmseg_incremental.engine.checkpoint import save_step_checkpoint
from mmseg_incremental.engine.plain_config import write_plain_config

CONFIGS = Path(__file__).parents[2] / 'configs'
SHAPES = CONFIGS / 'bisenet_r18_shapes_4-1_mib.py'
META = {'dataset_meta': {'classes': ['background', 'disc'], 'palette': [[0, 0, 0], [1, 2, 3]]}}


@functools.cache
def _read(leaf):
    return load_config(leaf)


def read(leaf=SHAPES):
    return copy.deepcopy(_read(leaf))


def trained(step, leaf=SHAPES):
    """A model whose batch normalisation has the statistics of a batch, so that signals pass."""
    torch.manual_seed(step)
    model = MODELS.build(step_config(read(leaf), step).model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    logits(model.train(), torch.randn(2, 3, 64, 96))
    return model.eval()


def logits(model, pictures):
    with torch.no_grad():
        features = model.extract_feat(pictures)
        heads = [model.decode_head, *model.auxiliary_head]
        return [
            model.encode_decode(pictures, [dict(img_shape=pictures.shape[2:])]),
            *(head(features) for head in heads),
        ]


@pytest.mark.parametrize('step', [0, 2])
def test_stock_model_gives_the_very_same_logits(step):
    model = trained(step)
    stock = MODELS.build(plain_config(read(), step).model).eval()
    assert type(stock) is EncoderDecoder
    assert all(type(head) is FCNHead for head in [stock.decode_head, *stock.auxiliary_head])
    state = model.state_dict()
    assert list(stock.state_dict()) == list(state)
    stock.load_state_dict(state, strict=True)
    pictures = torch.randn(2, 3, 64, 96)
    ours, theirs = logits(model, pictures), logits(stock, pictures)
    assert ours[0].shape == (2, 5 + step, 64, 96)
    assert ours[0].std(dim=(2, 3)).min() > 0, 'logits that do not depend on the picture'
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_stock_state_goes_back_into_the_incremental_model():
    stock = MODELS.build(plain_config(read(), 1).model).eval()
    model = trained(1)
    model.load_state_dict(stock.state_dict(), strict=True)
    pictures = torch.randn(1, 3, 64, 64)
    assert torch.equal(logits(model, pictures)[0], logits(stock, pictures)[0])


@pytest.mark.parametrize('backbone', ['r50', 'r101'])
def test_large_backbones_have_the_same_parts(backbone, monkeypatch):
    monkeypatch.setattr(torch.nn.Conv2d, 'reset_parameters', lambda _: None)
    leaf = CONFIGS / f'bisenet_{backbone}_voc_15-5s_mib.py'
    stock = MODELS.build(plain_config(read(leaf), 5).model).state_dict()
    model = MODELS.build(step_config(read(leaf), 5).model).state_dict()
    assert {n: v.shape for n, v in stock.items()} == {n: v.shape for n, v in model.items()}


def test_config_of_the_sequence_is_not_changed():
    cfg = read()
    before = copy.deepcopy(cfg._cfg_dict.to_dict())
    plain = plain_config(cfg, 1)
    plain.model.decode_head.num_classes = 99
    plain.test_pipeline.clear()
    assert cfg._cfg_dict.to_dict() == before


def test_written_file_is_the_config_and_needs_nothing_of_ours(tmp_path):
    path = tmp_path / 'step_1.py'
    write_plain_config(read(), 1, path)
    assert [p.name for p in tmp_path.iterdir()] == ['step_1.py']
    plain = Config.fromfile(path)
    assert plain._cfg_dict.to_dict() == plain_config(read(), 1)._cfg_dict.to_dict()
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
        write_plain_config(read(), 1, tmp_path / 'step_1.py')
    assert list(tmp_path.iterdir()) == []


def test_stock_inference_runs_the_checkpoint(tmp_path):
    model = trained(1)
    save_step_checkpoint(tmp_path / 'step_1.pth', model, META)
    write_plain_config(read(), 1, tmp_path / 'step_1.py')
    stock = init_model(str(tmp_path / 'step_1.py'), str(tmp_path / 'step_1.pth'), device='cpu')
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
    assert stock.dataset_meta['classes'] == META['dataset_meta']['classes']
