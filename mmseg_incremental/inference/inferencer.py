"""mmseg's inferencer for the finished steps of a work dir."""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice

import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.apis import MMSegInferencer
from torch import nn

from ..errors import told_as
from ..sequence.finished_step import find_checkpoints, read_finished_step


class IncrementalInferencer(MMSegInferencer):
    """``MMSegInferencer`` of one step; nothing in the work dir is executed.

    Args:
        path: A work dir, or a ``step_T.pth``.
        step: The step, counted from the last if negative.
        device: Such as ``'cuda:0'``. Defaults to what the machine has.
        show_progress: Whether a bar shows how far a call is.

    Raises:
        InputError: If the step is not there, or cannot be used.

    Example::

        predict = IncrementalInferencer('work_dirs/demo/mib', step=-1)
        labels = predict(['a.jpg', 'b.jpg'])['predictions']
        names = predict.classes
    """

    def __init__(
        self,
        path: str | os.PathLike,
        step: int = -1,
        device: str | None = None,
        show_progress: bool = False,
    ) -> None:
        ((_, checkpoint),) = find_checkpoints(path, step).items()
        self.finished = read_finished_step(checkpoint)
        config = copy.deepcopy(self.finished.config)
        config.visualizer.vis_backends = []  # it draws, and keeps nothing
        with told_as(f'{checkpoint}: its network cannot predict on {device or "this machine"}'):
            super().__init__(
                config,
                classes=list(self.classes),
                palette=[list(color) for color in self.palette],
                device=device,
                show_progress=show_progress,
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of every label."""
        return self.finished.classes

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """Red, green and blue of every label."""
        return self.finished.palette

    def label_maps(
        self, pictures: Iterable[np.ndarray | str], batch_size: int = 1
    ) -> Iterator[np.ndarray]:
        """Label pictures one batch after the other, however many there are.

        Args:
            pictures: Paths, or uint8 of shape (H, W, 3), blue, green, red.
            batch_size: Pictures at a time, where neighbours have the same size.

        Yields:
            uint8 of shape (H, W), positions in :attr:`classes`.
        """
        for batch in self.preprocess(pictures, batch_size):
            for sample in self.forward(batch):
                yield sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)

    def preprocess(
        self, inputs: Iterable[np.ndarray | str], batch_size: int = 1, **kwargs: object
    ) -> Iterator[dict]:
        """Bring pictures to the network; only those of one size make a batch.

        Args:
            inputs: See :meth:`label_maps`.
            batch_size: At most this many at a time.
            **kwargs: None.

        Yields:
            What ``model.test_step`` takes.
        """
        for _, same in groupby(map(self.pipeline, inputs), lambda one: one['inputs'].shape):
            while chunk := list(islice(same, batch_size)):
                yield self.collate_fn(chunk)

    def _init_collate(self, cfg: Config) -> Callable[[Sequence], dict]:
        """MMEngine would look this up, and warn of where it looked."""
        return pseudo_collate

    def _init_model(self, cfg: Config, weights: None, device: str = 'cpu') -> nn.Module:
        """Our own way to load weights, which takes tensors only and all of them."""
        return self.finished.build().to(device)
