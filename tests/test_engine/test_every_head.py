"""Every head that grows, in the segmentor of a sequence, and read back by mmseg alone."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny import leaf
from tiny_heads import GROWING, SIZES, model_config

from mmseg_incremental.apis import Sequence, load_sequence
from mmseg_incremental.models import IncrementalEncoderDecoder, init_from_background
from mmseg_incremental.sequence.checkpoint import (
    load_old_weights,
    load_weights,
    save_step_checkpoint,
)
from mmseg_incremental.sequence.plain_config import check_plain, write_plain_config

pytestmark = pytest.mark.filterwarnings('ignore')
META = {'dataset_meta': {'classes': list('abcdef'), 'palette': [[i, 0, 0] for i in range(6)]}}


def batch(name: str, num_channels: int) -> tuple[torch.Tensor, list[SegDataSample]]:
    size = SIZES.get(name, 64)
    labels = torch.randint(0, num_channels, (2, 1, size, size))
    labels[:, :, :3] = 255
    pictures = torch.randn(2, 3, size, size)
    return pictures, [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]


def train(model: IncrementalEncoderDecoder, data: tuple) -> dict[str, torch.Tensor]:
    """Two iterations; the losses of the last."""
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(2):
        losses = model.loss(*data)
        total = sum(value for name, value in losses.items() if 'loss' in name)
        assert total.isfinite()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    return losses


def train_two_steps(sequence: Sequence, name: str) -> IncrementalEncoderDecoder:
    first, second = sequence.step(0), sequence.step(1)
    old = MODELS.build(first.config.model)
    train(old, batch(name, 5))
    model = MODELS.build(second.config.model)
    load_old_weights(model, old.state_dict(), 'step 0')
    init_from_background(model.decode_head.conv_seg)
    model.use_channels_last()  # as the hook between the steps does
    frozen = MODELS.build(second.config.default_hooks.incremental_loop.old_model)
    load_weights(frozen, old.state_dict(), 'step 0')
    model.set_old_model(frozen)
    losses = train(model, batch(name, 6))
    assert {'decode.loss_unce', 'distill.loss_unkd'} <= losses.keys()
    finished = MODELS.build(second.config.model).eval()  # as evaluation has it, not channels-last
    load_weights(finished, model.state_dict(), 'step 1')
    return finished


def logits_of(model: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)  # LightHam draws random numbers in every forward pass
    with torch.no_grad():
        return model.decode_head(model.extract_feat(pictures))


def test_every_head_trains_two_steps_and_stock_mmseg_predicts_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = {}
    for name in sorted(GROWING):
        folder = tmp_path / name
        folder.mkdir()
        preprocessor = dict(type='SegDataPreProcessor')
        model = dict(_delete_=True, **model_config(name), data_preprocessor=preprocessor)
        options = {'model': model, 'backbone_weights': None, 'crop_size': (64, 64)}
        sequence = load_sequence(leaf(), options, str(folder))
        trained = train_two_steps(sequence, name)
        check_plain(sequence.step(1))
        save_step_checkpoint(sequence.work_dir.checkpoint(1), trained.state_dict(), META)
        write_plain_config(sequence.step(1))
        pictures, _ = batch(name, 6)
        expected[name] = logits_of(trained, pictures)
        torch.save(pictures, folder / 'pictures.pt')
    assert len(expected) >= 22
    code = f"""
        import pathlib, sys, torch, warnings
        warnings.filterwarnings('ignore')
        torch.set_num_threads(1)
        from mmengine.config import Config
        from mmseg.registry import MODELS
        from mmseg.utils import register_all_modules
        register_all_modules()
        for folder in sorted(pathlib.Path({str(tmp_path)!r}).iterdir()):
            model = MODELS.build(Config.fromfile(folder / 'step_1.py').model).eval()
            state = torch.load(folder / 'step_1.pth', weights_only=True)['state_dict']
            model.load_state_dict(state, strict=True)
            pictures = torch.load(folder / 'pictures.pt', weights_only=True)
            torch.manual_seed(0)
            with torch.no_grad():
                logits = model.decode_head(model.extract_feat(pictures))
            torch.save(logits, folder / 'logits.pt')
        assert not [name for name in sys.modules if name.startswith('mmseg_incremental')]
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name, logits in expected.items():
        plain = torch.load(tmp_path / name / 'logits.pt', weights_only=True)
        assert torch.equal(plain, logits), name
