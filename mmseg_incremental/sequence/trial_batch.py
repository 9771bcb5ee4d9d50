"""A batch of a step tried on tensors without values: what it learns from, what it predicts."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.fx.experimental import _config as config

from ..errors import InputError, reason_of
from ..models.incremental_encoder_decoder import IncrementalEncoderDecoder
from ..models.without_values import build_without_values
from .sequence import Step

#: Maps that the pipeline makes for losses.
_MAPS = ('gt_distance_map',)


def try_iteration(step: Step, model: IncrementalEncoderDecoder, where: str) -> None:
    """Run the losses of a step on a batch of the real number and size.

    Args:
        step: The step.
        model: Its model, without values.
        where: What messages call the step.

    Raises:
        InputError: If they cannot be computed.
    """
    loop = step.config.default_hooks.incremental_loop
    if loop.survey and step.index:
        return  # what it would find are values
    size, number = _crop(step), step.config.train_dataloader.batch_size
    batch = f'a batch of {number} crops of {size[0]}x{size[1]}'
    with _told_unless_about_values(f'{where}: {batch} cannot be learnt'):
        model = revert_sync_batchnorm(model.to('meta'))
        if loop.old_model:
            # without values nothing can be folded
            model.fast_path, fast_path = False, model.fast_path
            model.set_old_model(build_without_values(copy.deepcopy(loop.old_model)))
            model.fast_path = fast_path
        labels = torch.empty(1, *size, dtype=torch.int64, device='meta')
        maps = {name: PixelData(data=torch.empty(1, *size, device='meta')) for name in _MAPS}
        samples = [SegDataSample(gt_sem_seg=PixelData(data=labels), **maps)] * number
        model.train()
        with _counted_as_all():
            model.loss(torch.empty(number, 3, *size, device='meta'), samples)


def try_prediction(step: Step, model: IncrementalEncoderDecoder, where: str) -> None:
    """Predict a picture of the size of a crop, as the evaluation after the step does.

    Args:
        step: The step.
        model: Its model, without values.
        where: What messages call the step.

    Raises:
        InputError: If that fails, as with a ``test_cfg`` that says something else.
    """
    size = _crop(step)
    sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size, pad_shape=size))
    what = f'{where}: a picture of {size[0]}x{size[1]} cannot be predicted; see model.test_cfg'
    with _told_unless_about_values(what):
        model = revert_sync_batchnorm(model.to('meta')).eval()
        model.predict(torch.empty(1, 3, *size, device='meta'), [sample])


def _crop(step: Step) -> tuple[int, int]:
    return tuple(step.config.model.data_preprocessor.size)


@contextmanager
def _told_unless_about_values(what: str) -> Iterator[None]:
    """Turn an error into a line, unless only a tensor without values is to blame."""
    try:
        yield
    except Exception as error:
        if isinstance(error, NotImplementedError) or 'meta' in str(error).lower():
            return
        raise InputError(f'{what} ({reason_of(error)})') from error


@contextmanager
def _counted_as_all() -> Iterator[None]:
    """Take a mask of unknown content for one that holds all pixels; mmseg's accuracy uses one."""
    before = config.meta_nonzero_assume_all_nonzero
    config.meta_nonzero_assume_all_nonzero = True
    try:
        yield
    finally:
        config.meta_nonzero_assume_all_nonzero = before
