"""What happens between two steps."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS

from ..models import CLASSIFIER_INITS, IncrementalEncoderDecoder
from .checkpoint import (
    load_old_weights,
    load_step_checkpoint,
    load_weights,
    save_step_checkpoint,
)
from .step_config import old_model_config


@HOOKS.register_module()
class IncrementalLoop(Hook):
    """Carry a sequence from the step before into this one, and this one to its checkpoint.

    ``before_train`` fires after ``init_weights`` and after a resumed checkpoint is loaded, so
    what it loads stays. A fresh step (iteration 0) takes the weights of ``step_{T-1}.pth`` and
    initialises its new classifiers; a resumed one has its weights already. Both rebuild the
    frozen old model from ``step_{T-1}.pth`` where the method distils.

    ``before_train_iter`` seeds the process from the iteration, so that random layers do not
    depend on how often the run was interrupted.

    ``after_train`` writes ``step_T.pth``, the last model. Its existence means that the step is
    done.

    Args:
        step: The step.
        sequence_dir: Folder of the sequence.
        sequence: What :func:`~mmseg_incremental.engine.config.describe_sequence` says.
        classifier_init: Name of the initialisation of new classifiers.
        fingerprint: What the step's weights depend on; kept in its checkpoint.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        step: int,
        sequence_dir: str,
        sequence: Mapping,
        classifier_init: str,
        fingerprint: str | None = None,
    ) -> None:
        self.step = step
        self.sequence_dir = Path(sequence_dir)
        self.sequence = sequence.to_dict() if hasattr(sequence, 'to_dict') else dict(sequence)
        self.init_classifier = CLASSIFIER_INITS[classifier_init]
        self.fingerprint = fingerprint

    def before_train(self, runner: Runner) -> None:
        """Take over the step before, and lay the weights out for fast convolutions.

        Raises:
            CheckpointError: If the checkpoint of the step before cannot be used.
        """
        model = _unwrap(runner.model)
        if model.fast_path:
            # not before the weights are drawn: they are drawn in the order of the memory
            model.to(memory_format=torch.channels_last)
        if self.step == 0:
            return
        path = str(self.sequence_dir / f'step_{self.step - 1}.pth')
        state = load_step_checkpoint(path, self.sequence, self.step - 1)['state_dict']
        if runner.iter == 0:
            load_old_weights(model, state, path)
            for _, classifier in model.classifiers():
                self.init_classifier(classifier)
        if len(model.distillation):
            old = MODELS.build(old_model_config(runner.cfg.model))
            load_weights(old, state, path)
            model.set_old_model(old)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the process from the run's seed, the iteration and the rank."""
        torch.manual_seed(runner.seed + runner.iter * 1009 + get_rank())

    def after_train(self, runner: Runner) -> None:
        """Write the step's last model."""
        if is_main_process():
            meta = dict(
                step=self.step,
                sequence=self.sequence,
                dataset_meta=_plain_meta(runner.train_dataloader.dataset.metainfo),
                iterations=runner.iter,
                seed=runner.seed,
                fingerprint=self.fingerprint,
            )
            path = self.sequence_dir / f'step_{self.step}.pth'
            save_step_checkpoint(path, _unwrap(runner.model), meta)


def _unwrap(model: torch.nn.Module) -> IncrementalEncoderDecoder:
    return model.module if is_model_wrapper(model) else model


def _plain_meta(metainfo: Mapping) -> dict:
    return dict(
        classes=list(metainfo['classes']), palette=[list(color) for color in metainfo['palette']]
    )
