"""What a step's weights depend on, as one short text."""

import copy
import functools
import hashlib
import json
import os
from collections.abc import Sequence

from mmengine.config import Config, ConfigDict

from ..datasets import get_protocol
from ..tasks import build_task
from ..utils.files import file_digest
from .step_config import step_config

#: Where the data lie and how fast they come changes no weight.
_LOADER_SPEED = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
#: What they change is told elsewhere, or is rounding.
_OWN_HOOKS = ('CompileBackbone', 'IncrementalLoop', 'LearningCurve')
_DATA_PLACES = ('data_root', 'cache_dir', 'task', 'protocol')


def step_fingerprint(
    cfg: Config, step: int, pictures: Sequence[str], before: str | None, world_size: int = 1
) -> str:
    """Hash of everything in config and data that a step's training depends on.

    Two steps with the same fingerprint learn the same classes from the same pictures with the
    same network, losses, optimiser, length and seed, and start from equal weights. What comes
    after the step does not count: step 0 of 15-5 and of 15-5s are the same.

    Args:
        cfg: A checked config of the sequence.
        step: The step.
        pictures: Names of its training pictures, in the order of the list.
        before: Fingerprint of the step before; None at step 0.
        world_size: Number of processes.

    Returns:
        64 hexadecimal digits.
    """
    out = step_config(cfg, step)
    task = build_task(cfg.task)
    loader = out.train_dataloader
    for key in _LOADER_SPEED:
        loader.pop(key, None)
    for key in _DATA_PLACES:
        loader.dataset.pop(key, None)
    content = dict(
        before=before,
        pictures=list(pictures),
        classes=[[task.names[label - 1] for label in group] for group in task.groups[: step + 1]],
        dataset=task.dataset,
        void=get_protocol(cfg.protocol).void,
        model=_with_weights_by_content(out.model),
        classifier_init=cfg.method.classifier_init if step else None,
        loader=loader,
        optim_wrapper=out.optim_wrapper,
        param_scheduler=out.param_scheduler,
        auto_scale_lr=out.get('auto_scale_lr'),
        length={key: out.train_cfg.get(key) for key in ('epochs', 'iters')},
        hooks=[hook for hook in out.custom_hooks if hook.type not in _OWN_HOOKS],
        randomness=out.get('randomness'),
        world_size=world_size,
    )
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_weights_by_content(model: ConfigDict) -> ConfigDict:
    """The same weights under another path are the same weights, and speed changes rounding only."""
    model = copy.deepcopy(model)
    model.pop('fast_path', None)
    backbone = model.backbone.get('backbone_cfg', model.backbone)
    init = backbone.get('init_cfg')
    if isinstance(init, dict) and os.path.isfile(init.get('checkpoint') or ''):
        init.checkpoint = _file_hash(init.checkpoint, os.path.getmtime(init.checkpoint))
    return model


@functools.lru_cache
def _file_hash(path: str, modified: float) -> str:
    return file_digest(path)
