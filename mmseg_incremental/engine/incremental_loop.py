"""What happens between two steps."""

import copy
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS, TASK_UTILS
from torch import Tensor
from torch.optim import Optimizer

from ..models import CLASSIFIER_INITS, IncrementalEncoderDecoder
from ..sequence.checkpoint import (
    SETTINGS,
    check_finite,
    load_old_weights,
    load_step_checkpoint,
    load_weights,
    save_step_checkpoint,
    step_state,
)
from ..sequence.safe_loading import CheckpointError
from ..sequence.stored_config import PLAIN_CONFIG
from ..sequence.work_dir import WorkDir
from .survey import StepBatches, take_survey
from .training_cost import training_cost


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

    Where the method records how much each weight matters, a hook of the optimiser does so between
    backward and update; what was recorded is saved within a step and in ``step_T.pth``.

    ``after_train`` lets the method change the trained weights and writes ``step_T.pth``, the last
    model. Its existence means that the step is done.

    Args:
        step: The step.
        sequence_dir: Folder of the sequence.
        sequence: Description of the sequence.
        classifier_init: Name of the initialisation of new classifiers, or config of one that looks
            at the data of the step.
        plain: Whether channels beside the classes are kept apart in the checkpoint, so that stock
            mmseg loads it.
        old_model: Config of the model of the step before, if the method needs it.
        survey: Config of what looks at the data before the step, if anything does.
        importance: Config of what records how much each weight matters, if anything does.
        after_step: Configs of what changes the trained weights.
        fingerprint: Hash of the settings; kept in the step's checkpoint.

    Attributes:
        settings: What the step's weights depend on; kept in the checkpoints inside the step.
        plain_config: Stock mmseg's config for the step as data; kept in the step's checkpoint.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        step: int,
        sequence_dir: str,
        sequence: Mapping,
        classifier_init: str | Mapping,
        plain: bool = True,
        old_model: Mapping | None = None,
        survey: Mapping | None = None,
        importance: Mapping | None = None,
        after_step: Sequence[Mapping] = (),
        fingerprint: str | None = None,
    ) -> None:
        self.step = step
        self.work_dir = WorkDir(Path(sequence_dir))
        self.sequence = sequence.to_dict() if hasattr(sequence, 'to_dict') else dict(sequence)
        self.classifier_init = classifier_init
        self.plain = plain
        self.old_model = old_model
        self.survey = survey
        self.importance = TASK_UTILS.build(copy.deepcopy(importance)) if importance else None
        self._interrupted: Mapping[str, Tensor] | None = None
        self.after_step = [TASK_UTILS.build(copy.deepcopy(part)) for part in after_step]
        self.fingerprint = fingerprint
        self.settings: str | None = None
        self.plain_config: object = None

    def before_train(self, runner: Runner) -> None:
        """Take over the step before, and lay the weights out for fast convolutions.

        Raises:
            CheckpointError: If the checkpoint of the step before cannot be used.
        """
        model = _unwrap(runner.model)
        if model.fast_path:
            # not before the weights are drawn: they are drawn in the order of the memory
            model.use_channels_last()
        if self.step:
            self._take_over(runner, model)
        if self.importance:
            self._record_importance(runner, model)

    def _take_over(self, runner: Runner, model: IncrementalEncoderDecoder) -> None:
        path, content = self._old_checkpoint()
        state = step_state(content)
        if runner.iter == 0:
            load_old_weights(model, model.carry_over(state), path)
            self._init_classifiers(runner, model)
        if self.old_model:
            old = MODELS.build(copy.deepcopy(self.old_model))
            load_weights(old, state, path)
            model.set_old_model(old)
        if self.survey:
            path = self.work_dir.survey(self.step)
            model.statistics = take_survey(self.survey, runner, model, path)

    def _init_classifiers(self, runner: Runner, model: IncrementalEncoderDecoder) -> None:
        if isinstance(self.classifier_init, str):
            for _, classifier in model.classifiers():
                init = CLASSIFIER_INITS[self.classifier_init]
                init(classifier, model.channels.background)
            return
        init = TASK_UTILS.build(copy.deepcopy(self.classifier_init))
        rate = runner.optim_wrapper.optimizer.param_groups[0]['lr']
        torch.manual_seed(runner.seed + get_rank())
        init(model, partial(StepBatches, runner, model), rate)

    def _old_checkpoint(self) -> tuple[str, dict]:
        path = str(self.work_dir.checkpoint(self.step - 1))
        return path, load_step_checkpoint(path, self.sequence, self.step - 1)

    def _record_importance(self, runner: Runner, model: IncrementalEncoderDecoder) -> None:
        kept: Mapping[str, Tensor] | None = {}
        if self.step:
            path, content = self._old_checkpoint()
            kept = content['meta'].get('importance')
            if kept is None:
                raise CheckpointError(
                    f'{path}: does not say how much each weight matters, which this method goes on '
                    'from; train the step with it'
                )
        self.importance.start(model, kept, self._interrupted if runner.iter else None)
        runner.optim_wrapper.optimizer.register_step_pre_hook(self._before_update)

    def _before_update(self, optimizer: Optimizer, *_: object) -> None:
        self.importance.observe()
        rate = max(group['lr'] for group in optimizer.param_groups)
        self.importance.pull(1 / rate if rate else math.inf)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what an interrupted step had recorded of its weights until it goes on."""
        self._interrupted = checkpoint.get('importance')

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the process from the run's seed, the iteration and the rank."""
        torch.manual_seed(runner.seed + runner.iter * 1009 + get_rank())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let nothing be saved that a run could not go on with, and keep its settings beside it.

        Raises:
            CheckpointError: If a weight is not finite.
        """
        check_finite(checkpoint['state_dict'], f'step {self.step}')
        checkpoint[SETTINGS] = self.settings
        if self.importance:
            checkpoint['importance'] = _on_cpu(self.importance.state())

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
        # of the weights that learnt, before the method changes them
        kept = dict(importance=_on_cpu(self.importance.finish())) if self.importance else {}
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
                cost=training_cost(runner, model),
                **kept,
            )
            if self.plain_config:
                meta[PLAIN_CONFIG] = self.plain_config
            extra = model.extra_names() if self.plain else []
            save_step_checkpoint(self.work_dir.checkpoint(self.step), state, meta, extra)

    def _change(self, model: IncrementalEncoderDecoder, state: Mapping) -> Mapping:
        """Let the method change the weights that are to be saved, not those that learnt last."""
        load_weights(model, state, f'step {self.step}')
        old_state = model.carry_over(step_state(self._old_checkpoint()[1]))
        for part in self.after_step:
            part(model, old_state, model.channels)
        return model.state_dict()


def _unwrap(model: torch.nn.Module) -> IncrementalEncoderDecoder:
    return model.module if is_model_wrapper(model) else model


def _on_cpu(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in values.items()}


def _plain_meta(metainfo: Mapping) -> dict:
    return dict(
        classes=list(metainfo['classes']), palette=[list(color) for color in metainfo['palette']]
    )
