"""What happens between two steps."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS, TASK_UTILS

from ..models import CLASSIFIER_INITS, IncrementalEncoderDecoder
from ..sequence.checkpoint import (
    check_finite,
    load_old_weights,
    load_step_checkpoint,
    load_weights,
    save_step_checkpoint,
    step_state,
)
from ..sequence.work_dir import WorkDir
from .survey import take_survey


@HOOKS.register_module()
class IncrementalLoop(Hook):
    """Carry a sequence from the step before into this one, and this one to its checkpoint.

    ``before_train`` fires after ``init_weights`` and after a resumed checkpoint is loaded, so
    what it loads stays. A fresh step (iteration 0) takes the weights of ``step_{T-1}.pth`` and
    initialises its new classifiers; a resumed one has its weights already. Both rebuild the
    frozen old model from ``step_{T-1}.pth`` where the method needs it, and take the method's
    survey of the data, or read it if it was taken before.

    ``before_train_iter`` seeds the process from the iteration, so that random layers do not
    depend on how often the run was interrupted.

    ``after_train`` lets the method change the trained weights and writes ``step_T.pth``, the last
    model. Its existence means that the step is done.

    Args:
        step: The step.
        sequence_dir: Folder of the sequence.
        sequence: Description of the sequence.
        classifier_init: Name of the initialisation of new classifiers.
        plain: Whether channels beside the classes are kept apart in the checkpoint, so that stock
            mmseg loads it.
        old_model: Config of the model of the step before, if the method needs it.
        survey: Config of what looks at the data before the step, if anything does.
        after_step: Configs of what changes the trained weights.
        fingerprint: What the step's weights depend on; kept in its checkpoint.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        step: int,
        sequence_dir: str,
        sequence: Mapping,
        classifier_init: str,
        plain: bool = True,
        old_model: Mapping | None = None,
        survey: Mapping | None = None,
        after_step: Sequence[Mapping] = (),
        fingerprint: str | None = None,
    ) -> None:
        self.step = step
        self.work_dir = WorkDir(Path(sequence_dir))
        self.sequence = sequence.to_dict() if hasattr(sequence, 'to_dict') else dict(sequence)
        self.init_classifier = CLASSIFIER_INITS[classifier_init]
        self.plain = plain
        self.old_model = old_model
        self.survey = survey
        self.after_step = [TASK_UTILS.build(copy.deepcopy(part)) for part in after_step]
        self.fingerprint = fingerprint

    def before_train(self, runner: Runner) -> None:
        """Take over the step before, and lay the weights out for fast convolutions.

        Raises:
            CheckpointError: If the checkpoint of the step before cannot be used.
        """
        model = _unwrap(runner.model)
        if model.fast_path:
            # not before the weights are drawn: they are drawn in the order of the memory
            model.use_channels_last()
        if self.step == 0:
            return
        path, state = self._old_state()
        if runner.iter == 0:
            load_old_weights(model, state, path)
            for _, classifier in model.classifiers():
                self.init_classifier(classifier, model.channels.background)
        if self.old_model:
            old = MODELS.build(copy.deepcopy(self.old_model))
            load_weights(old, state, path)
            model.set_old_model(old)
        if self.survey:
            path = self.work_dir.survey(self.step)
            model.statistics = take_survey(self.survey, runner, model, path)

    def _old_state(self) -> tuple[str, dict]:
        path = str(self.work_dir.checkpoint(self.step - 1))
        return path, step_state(load_step_checkpoint(path, self.sequence, self.step - 1))

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the process from the run's seed, the iteration and the rank."""
        torch.manual_seed(runner.seed + runner.iter * 1009 + get_rank())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let nothing be saved that a run could not go on with.

        Raises:
            CheckpointError: If a weight is not finite.
        """
        check_finite(checkpoint['state_dict'], f'step {self.step}')

    def after_train(self, runner: Runner) -> None:
        """Write the step's last model.

        Raises:
            CheckpointError: If a weight is not finite.
        """
        model = _unwrap(runner.model)
        content = {'state_dict': model.state_dict()}
        # hooks that change what is saved, such as MMEngine's moving average, do so here too
        runner.call_hook('before_save_checkpoint', checkpoint=content)
        state = content['state_dict']
        if self.after_step:
            state = self._change(model, state)
        if is_main_process():
            check_finite(state, f'step {self.step}')
            meta = dict(
                step=self.step,
                sequence=self.sequence,
                dataset_meta=_plain_meta(runner.train_dataloader.dataset.metainfo),
                iterations=runner.iter,
                seed=runner.seed,
                fingerprint=self.fingerprint,
            )
            extra = model.extra_names() if self.plain else []
            save_step_checkpoint(self.work_dir.checkpoint(self.step), state, meta, extra)

    def _change(self, model: IncrementalEncoderDecoder, state: Mapping) -> Mapping:
        """Let the method change the weights that are to be saved, not those that learnt last."""
        load_weights(model, state, f'step {self.step}')
        _, old_state = self._old_state()
        for part in self.after_step:
            part(model, old_state, model.channels)
        return model.state_dict()


def _unwrap(model: torch.nn.Module) -> IncrementalEncoderDecoder:
    return model.module if is_model_wrapper(model) else model


def _plain_meta(metainfo: Mapping) -> dict:
    return dict(
        classes=list(metainfo['classes']), palette=[list(color) for color in metainfo['palette']]
    )
