"""Networks and batches to measure with."""

from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_incremental.apis import load_config, step_config
from mmseg_incremental.engine.step_config import model_heads, old_model_config
from mmseg_incremental.models import IncrementalEncoderDecoder

from .harness import device

CONFIGS = Path(__file__).parent.parent / 'configs'
Batch = tuple[Tensor, list[SegDataSample]]


def leaf(method: str, depth: int = 18) -> str:
    """Path of a config of task 15-5."""
    return str(CONFIGS / f'bisenet_r{depth}_voc_15-5_{method}.py')


def model_config(
    method: str, fast_path: bool = True, depth: int = 18, sizes: tuple[int, ...] = (16, 5)
) -> dict:
    """Config of the model of the last step of a task.

    Args:
        method: Name of the method.
        fast_path: Whether the fast path is on.
        depth: Of the ResNet.
        sizes: Channels that each step adds.

    Returns:
        Config of the segmentor.
    """
    options = {'backbone_weights': None, 'fast_path': fast_path}
    model = step_config(load_config(leaf(method, depth), options), 1).model
    for head in model_heads(model):
        head.classes_per_step = list(sizes)
    return model


def student(cfg: dict) -> IncrementalEncoderDecoder:
    """A student in training and, where its method distils, its old model."""
    torch.manual_seed(0)
    model = MODELS.build(cfg).to(device()).train()
    if model.fast_path:
        model.to(memory_format=torch.channels_last)
    if len(model.distillation) and len(cfg.decode_head.classes_per_step) > 1:
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
