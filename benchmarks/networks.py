"""Networks and batches to measure with."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_incremental.apis import Sequence, load_sequence
from mmseg_incremental.models import IncrementalEncoderDecoder
from mmseg_incremental.sequence.step_config import model_heads

from .harness import device

LEAF = Path(__file__).parent.parent / 'configs' / 'bisenet_r101_voc_15-5_mib.py'
Batch = tuple[Tensor, list[SegDataSample]]


def sequence(
    method: str, depth: int = 18, work_dir: str | None = None, **options: object
) -> Sequence:
    """Task 15-5 with a method and BiSeNet of a depth, from random weights."""
    chosen = {'method': method, 'model': f'bisenet_r{depth}', 'schedule': f'paper_r{depth}'}
    return load_sequence(LEAF, {**chosen, 'backbone_weights': None, **options}, work_dir)


def model_config(
    method: str, fast_path: bool = True, depth: int = 18, sizes: tuple[int, ...] = (16, 5)
) -> ConfigDict:
    """Config of the model of the last step of a task.

    Args:
        method: Name of the method.
        fast_path: Whether the fast path is on.
        depth: Of the ResNet.
        sizes: Channels that each step adds.

    Returns:
        Config of the segmentor.
    """
    model = copy.deepcopy(sequence(method, depth, fast_path=fast_path).step(1).config.model)
    model.classes_per_step = list(sizes)
    for head in model_heads(model):
        if 'num_old' in head.loss_decode:
            head.loss_decode.num_old = sum(sizes[:-1])
    return model


def old_model_config(model: ConfigDict) -> ConfigDict:
    """Config of the model of the step before."""
    old = copy.deepcopy(model)
    old.update(classes_per_step=old.classes_per_step[:-1], distillation=[], trainable=[])
    return old


def student(cfg: ConfigDict) -> IncrementalEncoderDecoder:
    """A student in training and, where its method distils, its old model."""
    torch.manual_seed(0)
    model = MODELS.build(cfg).to(device()).train()
    if model.fast_path:
        model.use_channels_last()
    if len(model.distillation) and len(cfg.classes_per_step) > 1:
        model.set_old_model(MODELS.build(old_model_config(cfg)))
    return model


def batch(num: int, crop: int, num_channels: int = 21, num_old: int = 16) -> Batch:
    """Pictures of noise and labels in blocks, a twentieth of them void."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(num, 3, crop, crop, generator=generator).to(device())
    blocks = torch.randint(0, num_channels, (num, crop // 16, crop // 16), generator=generator)
    labels = blocks.repeat_interleave(16, 1).repeat_interleave(16, 2)
    labels[(labels > 0) & (labels < num_old)] = 0
    labels[torch.rand(labels.shape, generator=generator) < 0.05] = 255
    labels = labels.to(device())
    return pictures, [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def iteration(
    model: EncoderDecoder, data: Batch, autocast: torch.dtype | None = None
) -> Callable[[], None]:
    """One iteration of training, from pictures on the device to changed weights.

    Args:
        model: The student.
        data: The batch.
        autocast: Precision of the forward pass; None is the weights' own.

    Returns:
        A call that does it once.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    wrapper = OptimWrapper(optimizer)

    def once() -> None:
        with torch.autocast(device().type, autocast, enabled=autocast is not None):
            losses = model.loss(*data)
        wrapper.update_params(model.parse_losses(losses)[0])

    return once
