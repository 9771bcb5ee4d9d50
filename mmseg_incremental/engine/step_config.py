"""From the config of a sequence to the plain config of one step."""

import copy

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..tasks import Task, build_task
from .config import describe_sequence
from .method import step_loss

_SEQUENCE_KEYS = (
    'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
    'batch_size', 'step_schedule', 'train_pipeline', 'test_pipeline', 'fast_path',
)  # fmt: skip


def step_config(cfg: Config, step: int) -> Config:
    """Config of one step, ready for ``Runner.from_cfg``.

    The entries that make a sequence are brought together here: ``task``, ``setting``,
    ``protocol`` and ``data_root`` go to the data sets, ``batch_size`` and ``crop_size`` to the
    loader and the crop, ``method`` to the heads and the segmentor, ``step_schedule`` to the
    optimiser and the loop (``first`` for step 0, ``later`` for the others), ``backbone_weights``
    to the backbone of step 0, ``fast_path`` to the segmentor.

    Args:
        cfg: Config of the sequence; it is not changed.
        step: The step, counted from 0.

    Returns:
        The step's config.

    Raises:
        InputError: If the task has no such step.
    """
    task = build_task(cfg.task)
    task.new_classes(step)
    out = Config(copy.deepcopy(cfg._cfg_dict.to_dict()))
    schedule = out.step_schedule.first if step == 0 else out.step_schedule.later
    _set_model(out, task, step, schedule)
    _set_data(out, task, step)
    out.optim_wrapper.optimizer.lr = schedule.lr
    out.train_cfg = dict(
        type='IncrementalTrainLoop', epochs=schedule.get('epochs'), iters=schedule.get('iters')
    )
    out.test_cfg = dict(type='TestLoop')
    hooks = list(out.get('custom_hooks', []))
    if (number := schedule.get('num_evaluations', 1)) > 1:
        out.train_cfg.num_evaluations = number
        out.val_cfg = dict(type='ValLoop')
        out.val_dataloader, out.val_evaluator = out.test_dataloader, out.test_evaluator
        hooks.append(dict(type='LearningCurve'))
    if out.pop('compile_backbone', False):
        hooks.append(dict(type='CompileBackbone'))
    hook = dict(
        type='IncrementalLoop',
        step=step,
        sequence_dir=cfg.work_dir,
        sequence=describe_sequence(cfg),
        classifier_init=out.method.classifier_init,
    )
    out.custom_hooks = [*hooks, hook]
    out.work_dir = f'{cfg.work_dir}/step_{step}'
    out.experiment_name = f'step_{step}'
    out.load_from, out.resume = None, False
    for key in _SEQUENCE_KEYS:
        out.pop(key, None)
    return out


def _set_model(out: Config, task: Task, step: int, schedule: ConfigDict) -> None:
    model, method = out.model, out.method
    model.data_preprocessor.size = tuple(out.crop_size)
    model.distillation = method.distillation if step else []
    model.freeze_norm = schedule.get('freeze_norm', False)
    model.fast_path = out.get('fast_path', True)
    for head in model_heads(model):
        head.classes_per_step = task.classes_per_step(step)
        head.loss_decode = copy.deepcopy(step_loss(method, step))
    if out.backbone_weights and step == 0:
        # the wrapped backbone of BiSeNet has the pretrained weights, not BiSeNet itself; next to
        # another initialisation mmpretrain would set the residual branches to zero after loading
        backbone = model.backbone.get('backbone_cfg', model.backbone)
        backbone.init_cfg = dict(type='Pretrained', checkpoint=out.backbone_weights)


def model_heads(model: ConfigDict) -> list[ConfigDict]:
    """Configs of a model's decode head and auxiliary heads."""
    auxiliary = model.get('auxiliary_head') or []
    return [model.decode_head, *(auxiliary if isinstance(auxiliary, list) else [auxiliary])]


def old_model_config(model: ConfigDict) -> ConfigDict:
    """Config of the model of the step before: one step fewer in every head, nothing to distil.

    Args:
        model: Config of a later step's model; it is not changed.

    Returns:
        The old model's config.
    """
    old = copy.deepcopy(model)
    old.update(distillation=[], freeze_norm=False)
    for head in model_heads(old):
        head.classes_per_step = list(head.classes_per_step)[:-1]
    return old


def _set_data(out: Config, task: Task, step: int) -> None:
    out.train_dataloader.batch_size = out.batch_size
    height, width = out.crop_size
    pipeline = out.train_dataloader.dataset.pipeline
    for transform in pipeline:
        if 'crop_size' in transform:
            # mmcv's CenterCrop takes (width, height), mmseg's crops take (height, width)
            wide = transform.type in ('CenterCrop', 'mmcv.CenterCrop')
            transform.crop_size = (width, height) if wide else (height, width)
    num_old = sum(task.classes_per_step(step)[:-1])
    pipeline.extend(_loss_transforms(step_loss(out.method, step), num_old))
    for loader in (out.train_dataloader, out.test_dataloader):
        if not loader.get('num_workers'):
            loader.persistent_workers = False  # PyTorch refuses it without workers
        loader.dataset.update(
            task=out.task,
            step=step,
            setting=out.setting,
            protocol=out.protocol,
            data_root=out.data_root,
            cache_dir=out.work_dir,
        )
    out.test_evaluator = dict(
        type='ClassGroupIoUMetric',
        groups=channel_groups(task, step, background=False),
        background_groups=channel_groups(task, step, background=True),
    )


def _loss_transforms(losses: ConfigDict | list[ConfigDict], num_old: int) -> list[ConfigDict]:
    """Configs of the transforms that make the maps per pixel that losses take, each once."""
    transforms = []
    for cfg in losses if isinstance(losses, list) else [losses]:
        # mmseg's losses need none; to build them here would only repeat their warnings
        if hasattr(MODELS.get(cfg.type), 'transforms'):
            loss = MODELS.build(cfg)
            loss.num_old = num_old  # as the heads will tell it
            new = [ConfigDict(transform) for transform in loss.transforms()]
            transforms += [transform for transform in new if transform not in transforms]
    return transforms


def channel_groups(task: Task, step: int, background: bool) -> dict[str, list[int]]:
    """Reported groups as channels of the model after a step; groups not begun are left out."""
    channels = {label: i for i, label in enumerate([0, *task.seen_classes(step)])}
    groups = {
        name: [channels[label] for label in labels if label in channels]
        for name, labels in task.report_groups(background).items()
    }
    return {name: members for name, members in groups.items() if members}
