"""One logger each, over MMEngine's backend for it."""

import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from mmengine.registry import VISBACKENDS

from ..sequence.work_dir import WorkDir
from ..utils.files import write_atomically

_PROJECT = 'mmseg-incremental'
_ITERATION = 'iteration'
_CHART = 'mIoU over the steps'


class Logger(Protocol):
    """What a sequence tells a logger."""

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Log values.

        Args:
            values: Name to value; none is NaN.
            iteration: Iterations since the beginning of step 0.
        """

    def over_steps(self, lines: Mapping[str, Mapping[int, float]]) -> None:
        """Log a chart of values over steps, in place of the one before.

        Args:
            lines: Name of a group to step to mIoU (%).
        """

    def picture(self, name: str, pixels: np.ndarray, iteration: int) -> None:
        """Log a picture.

        Args:
            name: Its name.
            pixels: Red, green, blue; uint8 of shape (H, W, 3).
            iteration: Iterations since the beginning of step 0.
        """

    def close(self) -> None:
        """Write what is left."""


class TensorboardLogger:
    """Event files in ``WORK_DIR/tensorboard``.

    Args:
        work_dir: The work dir.
        description: What is learnt.
    """

    def __init__(self, work_dir: WorkDir, description: Mapping) -> None:
        folder = str(work_dir.path / 'tensorboard')
        self._backend = VISBACKENDS.build(dict(type='TensorboardVisBackend', save_dir=folder))
        text = '\n'.join(f'    {name}: {value}' for name, value in description.items())
        self._backend.experiment.add_text('sequence', text)

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        self._backend.add_scalars(dict(values), iteration)

    def over_steps(self, lines: Mapping[str, Mapping[int, float]]) -> None:
        """See :class:`Logger`; what was written for an earlier step is there already."""
        tags = [f'over_steps/{name}' for name in lines]
        for tag, points in zip(tags, lines.values(), strict=True):
            last = max(points)
            self._backend.add_scalar(tag, points[last], last)
        layout = {'over_steps': {_CHART: ['Multiline', tags]}}
        self._backend.experiment.add_custom_scalars(layout)

    def picture(self, name: str, pixels: np.ndarray, iteration: int) -> None:
        """See :class:`Logger`."""
        self._backend.add_image(name, pixels, iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._backend.close()


class WandbLogger:
    """A run of Weights & Biases, which goes on where the sequence is resumed.

    Where it is sent follows from W&B's own settings, such as ``WANDB_MODE=offline``.

    Args:
        work_dir: The work dir.
        description: What is learnt.
    """

    def __init__(self, work_dir: WorkDir, description: Mapping) -> None:
        init = dict(name=work_dir.path.resolve().name, config=dict(description))
        if 'WANDB_PROJECT' not in os.environ:
            init['project'] = _PROJECT
        if work_dir.wandb_id.is_file():
            known = work_dir.wandb_id.read_text(encoding='utf-8').strip()
            init.update(id=known, resume='allow')
        axes = [dict(name=_ITERATION), dict(name='*', step_metric=_ITERATION)]
        self._backend = VISBACKENDS.build(
            dict(
                type='WandbVisBackend',
                save_dir=str(work_dir.path),
                init_kwargs=init,
                define_metric_cfg=axes,
            )
        )
        write_atomically(work_dir.wandb_id, f'{self._backend.experiment.run.id}\n')

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """See :class:`Logger`."""
        self._backend.add_scalars({**values, _ITERATION: iteration})

    def over_steps(self, lines: Mapping[str, Mapping[int, float]]) -> None:
        """See :class:`Logger`."""
        wandb = self._backend.experiment
        chart = wandb.plot.line_series(
            xs=[list(points) for points in lines.values()],
            ys=[list(points.values()) for points in lines.values()],
            keys=list(lines),
            title=_CHART,
            xname='step',
        )
        wandb.log({_CHART: chart})

    def picture(self, name: str, pixels: np.ndarray, iteration: int) -> None:
        """See :class:`Logger`."""
        self._backend.add_image(name, pixels, iteration)

    def close(self) -> None:
        """See :class:`Logger`."""
        self._backend.experiment.finish()
