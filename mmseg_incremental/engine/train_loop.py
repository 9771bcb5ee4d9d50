"""The length of a step's training."""

import math

from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch.utils.data import DataLoader

from ..sequence.schedule import training_iters


@LOOPS.register_module()
class IncrementalTrainLoop(IterBasedTrainLoop):
    """Iterations from a number of epochs, over an endless sampler.

    Every batch is full, also where a step has fewer pictures than a batch, and a resumed run
    goes on at the very iteration.

    Args:
        runner: The runner.
        dataloader: The loader or its config; its sampler must be endless.
        epochs: Passes over the pictures.
        iters: Iterations, in place of epochs.
        num_evaluations: Evenly spaced evaluations, the last at the end; 1 is none while learning.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        epochs: int | None = None,
        iters: int | None = None,
        num_evaluations: int = 1,
    ) -> None:
        super().__init__(runner, dataloader, max_iters=1)
        batch_size = self.dataloader.batch_size * runner.world_size
        self._max_iters = training_iters(len(self.dataloader.dataset), batch_size, epochs, iters)
        self.val_interval = math.ceil(self._max_iters / num_evaluations)
        self.dynamic_intervals = [self.val_interval]
