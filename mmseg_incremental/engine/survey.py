"""One pass of the old model over a step's pictures, before the step."""

import copy
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner
from mmseg.registry import TASK_UTILS
from mmseg.utils import SampleList
from torch import Tensor

from ..models import IncrementalEncoderDecoder
from ..sequence.checkpoint import write_checkpoint
from ..sequence.safe_loading import load_checkpoint
from ..utils.progress import tracked


class StepBatches:
    """Batches that the training of a step would see first, from a loader of their own.

    The loader's sampler starts at the beginning, so that every pass is the same whatever was
    trained before, and the training's own loader is left alone.

    Args:
        runner: Runner of the step; its training loader's config is used.
        model: Its model, whose preprocessor is used.
        passes: How often each picture comes, about.
    """

    def __init__(self, runner: Runner, model: IncrementalEncoderDecoder, passes: float = 1) -> None:
        config = copy.deepcopy(runner.cfg.train_dataloader)
        self.loader = runner.build_dataloader(config, seed=runner.seed)
        self.preprocess = model.data_preprocessor
        together = self.loader.batch_size * runner.world_size
        self.number = max(math.floor(passes * len(self.loader.dataset) / together), 1)

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[tuple[Tensor, SampleList]]:
        for _, data in zip(range(self.number), self.loader, strict=False):
            data = self.preprocess(data, True)
            yield data['inputs'], data['data_samples']


def take_survey(
    config: Mapping, runner: Runner, model: IncrementalEncoderDecoder, path: Path
) -> dict[str, Tensor]:
    """Let a method look at the data of a step, once.

    The batches are those that the training would see first, each picture about once: the pass
    has a loader of its own, whose sampler starts at the beginning. The result is kept in a file,
    so that a run that is resumed later has the very same one.

    Args:
        config: The method's ``survey``.
        runner: Runner of the step; its training loader's config is used.
        model: The student, with its old model.
        path: File that keeps the result.

    Returns:
        What was found, by name, the same in every process.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    if runner.iter and path.is_file():
        return _to_device(load_checkpoint(path), model)
    survey = TASK_UTILS.build(copy.deepcopy(dict(config)))
    survey.start(model.channels)
    batches = StepBatches(runner, model)
    shown_batches = tracked(batches, 'Survey of the data', shown=is_main_process())
    with torch.no_grad():
        for pictures, samples in shown_batches:
            survey.observe(model.labelled_batch(pictures, samples))
    found = survey.finish()
    if is_main_process():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(path, {name: value.cpu() for name, value in found.items()})
    barrier()
    return _to_device(found, model)


def _to_device(found: Mapping[str, Tensor], model: IncrementalEncoderDecoder) -> dict[str, Tensor]:
    device = next(model.parameters()).device
    return {name: value.to(device) for name, value in found.items()}
