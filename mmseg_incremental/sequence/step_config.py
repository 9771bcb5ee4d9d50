"""From the config of a sequence to the plain config of one step."""

import copy

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..datasets import insert_after_labels, leaf_datasets, nested_transforms, step_view
from ..tasks import Task
from .amp import use_mixed_precision
from .sequence import Sequence

_SEQUENCE_KEYS = (
    'task', 'method', 'setting', 'protocol', 'data_root', 'backbone_weights', 'crop_size',
    'batch_size', 'step_schedule', 'train_pipeline', 'test_pipeline', 'fast_path', 'taps', 'amp',
    'compile_backbone', 'dev', 'partition_seed', 'labels', 'base', 'new_val', 'old_data_root',
    'old_labels',
)  # fmt: skip


def step_config(sequence: Sequence, step: int) -> Config:
    """Config of one step, ready for ``Runner.from_cfg``.

    The entries that make a sequence are brought together here: ``task``, ``setting``,
    ``protocol`` and ``data_root`` go to the data sets, ``batch_size`` and ``crop_size`` to the
    loader and the crop, ``method`` to the heads, the segmentor and the hook between the steps,
    ``step_schedule`` to the optimiser and the loop, ``backbone_weights`` to the backbone of
    step 0, ``fast_path`` and ``taps`` to the segmentor.

    Args:
        sequence: The sequence; its config is not changed.
        step: The step, counted from 0.

    Returns:
        The step's config.

    Raises:
        InputError: If the model does not fit together.
    """
    out = Config(copy.deepcopy(sequence.cfg._cfg_dict.to_dict()))
    schedule = sequence.schedules[step]
    _set_model(out, sequence, step)
    _set_data(out, sequence, step)
    out.optim_wrapper.optimizer.lr = schedule.lr
    if out.get('amp'):
        use_mixed_precision(out)
    out.train_cfg = dict(type='IncrementalTrainLoop', epochs=schedule.epochs, iters=schedule.iters)
    if out.test_dataloader:
        out.test_cfg = dict(type='TestLoop')
    hooks = out.default_hooks
    if schedule.num_evaluations > 1:
        out.train_cfg.num_evaluations = schedule.num_evaluations
        out.val_cfg = dict(type='ValLoop')
        out.val_dataloader, out.val_evaluator = out.test_dataloader, out.test_evaluator
        hooks.learning_curve = dict(type='LearningCurve')
    if out.get('compile_backbone'):
        hooks.compile_backbone = dict(type='CompileBackbone')
    hooks.incremental_loop = _loop(sequence, step, out.model.get('taps'))
    out.work_dir = str(sequence.work_dir.step_dir(step))
    out.experiment_name = sequence.work_dir.step_name(step)
    out.load_from, out.resume = None, False
    for key in _SEQUENCE_KEYS:
        out.pop(key, None)
    return out


def _loop(sequence: Sequence, step: int, taps: ConfigDict | None) -> dict:
    """Config of the hook that carries one step into the next; both models have the same taps."""
    old_model = None
    if sequence.method.needs_old_model(step):
        old_model = copy.deepcopy(sequence.step(step - 1).config.model)
        # its weights are those of the step before, whatever that one began with
        backbone = copy.deepcopy(sequence.cfg.model.backbone)
        parts = dict(distillation=[], targets=None, trainable=[], taps=taps)
        old_model.update(backbone=backbone, **parts)
    return dict(
        type='IncrementalLoop',
        step=step,
        sequence_dir=str(sequence.work_dir.path),
        sequence=sequence.description,
        plain=sequence.method.plain,
        old_model=old_model,
        **sequence.method.step_parts(step),
    )


def _set_model(out: Config, sequence: Sequence, step: int) -> None:
    model, method, task = out.model, sequence.method, sequence.task
    model.type = 'IncrementalEncoderDecoder'
    model.data_preprocessor.size = tuple(out.crop_size)
    model.classes_per_step = task.classes_per_step(step)
    if not task.background:
        model.background = False
    model.extra_channels = method.extra_channels(task, step)
    model.fast_path = out.get('fast_path', True)
    parts = method.model_parts(step, task.background)
    if sequence.schedules[step].freeze_norm:
        parts['trainable'].append(dict(type='FreezeNorm'))
    model.update(parts)
    if method.structure:
        model.structure = method.structure
    if model.distillation and out.get('taps'):
        model.taps = out.taps
    num_old = method.channels(task, step).num_old
    for head in model_heads(model):
        head.loss_decode = method.losses(step, num_old)
    if out.backbone_weights and step == 0:
        # the wrapped backbone of BiSeNet has the pretrained weights, not BiSeNet itself; next to
        # another initialisation mmpretrain would set the residual branches to zero after loading
        backbone = model.backbone.get('backbone_cfg', model.backbone)
        backbone.init_cfg = dict(type='Pretrained', checkpoint=out.backbone_weights)


def model_heads(model: ConfigDict) -> list[ConfigDict]:
    """Configs of a model's decode head and auxiliary heads."""
    auxiliary = model.get('auxiliary_head') or []
    return [model.decode_head, *(auxiliary if isinstance(auxiliary, list) else [auxiliary])]


def _set_data(out: Config, sequence: Sequence, step: int) -> None:
    task = sequence.task
    out.train_dataloader.batch_size = out.batch_size
    height, width = out.crop_size
    transforms = _loss_transforms(model_heads(out.model)[0].loss_decode)
    for transform in nested_transforms(out.train_dataloader.dataset):
        if 'crop_size' in transform:
            # mmcv's CenterCrop takes (width, height), mmseg's crops take (height, width)
            wide = transform.type in ('CenterCrop', 'mmcv.CenterCrop')
            transform.crop_size = (width, height) if wide else (height, width)
    of_labels = sequence.method.label_transforms(task, step)
    for leaf in leaf_datasets(out.train_dataloader.dataset):
        pipeline = insert_after_labels(leaf.pipeline, of_labels)
        leaf.pipeline = [*pipeline, *copy.deepcopy(transforms)]
    if out.get('dev') is not None and not sequence.is_extension:
        out.test_dataloader.dataset = _with_pipeline_of(
            out.train_dataloader.dataset, out.test_dataloader.dataset
        )
    selection = dict(dev=out.get('dev'), labels=out.get('labels'))
    if not task.background and sequence.method.reads_any_old(step):
        selection['any_old'] = True
    if out.setting == 'partitioned':
        selection['partition_seed'] = out.get('partition_seed', 0)
    loaders = [(out.train_dataloader, False), (out.test_dataloader, True)]
    if sequence.is_extension:
        loaders = [(loader, is_test) for loader, is_test in loaders if loader.get('dataset')]
    for loader, is_test in loaders:
        if not loader.get('num_workers'):
            loader.persistent_workers = False  # PyTorch refuses it without workers
        loader.dataset = step_view(
            loader.dataset,
            data_root=out.data_root,
            task=out.task,
            step=step,
            setting=out.setting,
            protocol=out.protocol,
            test_mode=is_test,
            **{key: value for key, value in selection.items() if value is not None},
        )
    if (memory := sequence.method.memory) and step:
        out.train_dataloader.dataset.update(
            memory=str(sequence.work_dir.memory(step)), memory_share=memory.get('batch_share')
        )
    out.test_evaluator = _evaluator(task, step)
    if sequence.is_extension:
        _set_extension_tests(out, sequence, step)


def _evaluator(task: Task, step: int) -> ConfigDict:
    return ConfigDict(
        type='ClassGroupIoUMetric',
        groups=channel_groups(task, step, background=False),
        background_groups=channel_groups(task, step, background=True) if task.background else {},
    )


def _set_extension_tests(out: Config, sequence: Sequence, step: int) -> None:
    """Two tests where one data set shows the new classes alone and another one the old ones."""
    task = sequence.task
    num_old = task.classes_per_step(0)[0]
    old, new = list(range(num_old)), list(range(num_old, sum(task.classes_per_step(step))))
    if loader := out.get('old_test_dataloader'):
        loader.dataset = step_view(
            loader.dataset,
            task=out.task,
            step=step,
            setting=out.setting,
            protocol=dict(preset='plop', test_images='all'),
            test_mode=True,
            labels=out.get('old_labels'),
        )
        out.old_test_evaluator = dict(_evaluator(task, step), measured=old)
    if new and out.test_dataloader.get('dataset'):
        # of pixels that nobody labelled it is known that they are of no new class
        out.test_dataloader.dataset.update(protocol=dict(preset='plop', test_images='all'))
        if not task.background:
            out.test_dataloader.dataset.any_old = True
        out.test_evaluator.measured = new
    else:
        out.test_dataloader = out.test_evaluator = out.test_cfg = None


def _with_pipeline_of(dataset: ConfigDict, other: ConfigDict) -> ConfigDict:
    """A data set's pictures as another one loads them."""
    changed = copy.deepcopy(dataset)
    pipeline = next(leaf_datasets(other)).pipeline
    for leaf in leaf_datasets(changed):
        leaf.pipeline = copy.deepcopy(pipeline)
    return changed


def _loss_transforms(losses: ConfigDict | list[ConfigDict]) -> list[ConfigDict]:
    """Configs of the transforms that make the maps per pixel that losses take, each once."""
    transforms = []
    for cfg in losses if isinstance(losses, list) else [losses]:
        # mmseg's losses need none; to build them here would only repeat their warnings
        if hasattr(MODELS.get(cfg.type), 'transforms'):
            new = [ConfigDict(transform) for transform in MODELS.build(cfg).transforms()]
            transforms += [transform for transform in new if transform not in transforms]
    return transforms


def channel_groups(task: Task, step: int, background: bool) -> dict[str, list[int]]:
    """Reported groups as channels of the model after a step; groups not begun are left out."""
    channels = {label: i for i, label in enumerate(task.channel_labels(step))}
    groups = {
        name: [channels[label] for label in labels if label in channels]
        for name, labels in task.report_groups(background).items()
    }
    return {name: members for name, members in groups.items() if members}
