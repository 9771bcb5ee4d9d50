"""Evaluation while a step is being learnt."""

import json
from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..evaluation import group_metrics
from ..utils.files import write_atomically

_FILE = 'learning_curve.json'


def read_learning_curve(step_dir: str | Path) -> list[dict]:
    """Evaluations made while a step was learnt.

    Args:
        step_dir: The step's folder.

    Returns:
        One dict per evaluation, in order: ``iteration`` and what
        :func:`~mmseg_incremental.evaluation.group_metrics` gives; empty where there were none.
    """
    path = Path(step_dir, _FILE)
    return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else []


@HOOKS.register_module()
class LearningCurve(Hook):
    """Keep the evaluations that ``num_evaluations`` of a schedule asks for, in one file.

    ``after_val_epoch`` writes the file anew. ``before_train`` fires after a resumed checkpoint is
    loaded: points behind it are of a run that was thrown away, and a run that was stopped between
    its checkpoint and its evaluation makes up for it.
    It runs after ``IncrementalLoop``, which brings the weights.
    """

    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        """Go on from the points so far; evaluate where the run was interrupted before it could."""
        points = [p for p in read_learning_curve(runner.work_dir) if p['iteration'] <= runner.iter]
        if is_main_process():
            _write(points, runner.work_dir)
        due = runner.iter > 0 and runner.iter % runner.train_loop.val_interval == 0
        if due and runner.iter not in [point['iteration'] for point in points]:
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: Mapping[str, float] | None = None) -> None:
        """Add a point."""
        if not is_main_process():
            return
        point = dict(iteration=runner.iter, **group_metrics(metrics))
        _write([*read_learning_curve(runner.work_dir), point], runner.work_dir)


def _write(points: list[dict], step_dir: str) -> None:
    write_atomically(Path(step_dir, _FILE), json.dumps(points, indent=2) + '\n')
