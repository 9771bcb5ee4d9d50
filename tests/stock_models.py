"""Plain mmseg models, as a user of mmseg alone writes them and trains them."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

_BN = dict(type='SyncBN', requires_grad=True)
_RESNET = dict(type='ResNet', depth=18, norm_cfg=_BN, norm_eval=False, style='pytorch')
_HEAD = dict(
    dropout_ratio=0.1, norm_cfg=_BN, align_corners=False, loss_decode=dict(type='CrossEntropyLoss')
)


def _fcn(in_channels: int, in_index: int, channels: int, **changes: object) -> dict:
    return dict(
        _HEAD,
        type='FCNHead',
        in_channels=in_channels,
        in_index=in_index,
        channels=channels,
        num_convs=1,
        concat_input=False,
        **changes,
    )


def _backbone_and_heads(name: str) -> dict:
    if name == 'bisenetv1':
        backbone = dict(
            type='BiSeNetV1',
            context_channels=(128, 256, 512),
            spatial_channels=(64, 64, 64, 128),
            out_channels=256,
            backbone_cfg=dict(_RESNET, out_indices=(0, 1, 2, 3), init_cfg=None),
            norm_cfg=_BN,
        )
        heads = [_fcn(128, index, 64) for index in (1, 2)]
        return dict(backbone=backbone, decode_head=_fcn(256, 0, 256), auxiliary_head=heads)
    if name == 'aspp_r18':
        backbone = dict(
            _RESNET, out_indices=(0, 1, 2, 3), strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)
        )
        head = dict(
            _HEAD, type='ASPPHead', in_channels=512, in_index=3, channels=64, dilations=(1, 3, 6)
        )
        return dict(backbone=backbone, decode_head=head, auxiliary_head=_fcn(256, 2, 64))
    backbone = dict(
        type='MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1],
        out_indices=(0, 1, 2, 3),
    )
    head = dict(
        _HEAD,
        type='SegformerHead',
        in_channels=[32, 64, 160, 256],
        in_index=[0, 1, 2, 3],
        channels=64,
    )
    return dict(backbone=backbone, decode_head=head)


def stock_config(
    name: str, data_root: Path, classes: list[str], work_dir: Path, iters: int, crop: int = 64
) -> Config:
    """A plain config of mmseg.

    Args:
        name: ``'bisenetv1'``, ``'aspp_r18'`` or ``'segformer_b0'``.
        data_root: Folder with ``images`` and ``masks``.
        classes: Names of the values in the masks, from 0 on.
        work_dir: Folder of the training.
        iters: Iterations.
        crop: Height and width of a crop.
    """
    parts = _backbone_and_heads(name)
    heads = parts.get('auxiliary_head') or []
    for head in [parts['decode_head'], *(heads if isinstance(heads, list) else [heads])]:
        head['num_classes'] = len(classes)
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            pad_val=0,
            seg_pad_val=255,
            size=(crop, crop),
        ),
        **parts,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    pack = dict(type='PackSegInputs')
    train = [
        *load, dict(type='RandomCrop', crop_size=(crop, crop)),
        dict(type='RandomFlip', prob=0.5), pack,
    ]  # fmt: skip
    dataset = dict(
        type='BaseSegDataset',
        data_root=str(data_root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='.png',
        metainfo=dict(classes=classes),
    )
    slow = name == 'segformer_b0'
    optimizer = (
        dict(type='AdamW', lr=5e-4, weight_decay=0.01)
        if slow
        else dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=1e-4)
    )
    return Config(
        dict(
            default_scope='mmseg',
            crop_size=(crop, crop),
            model=model,
            train_pipeline=train,
            test_pipeline=[*load, pack],
            train_dataloader=dict(
                batch_size=12,
                num_workers=0,
                sampler=dict(type='InfiniteSampler', shuffle=True),
                dataset=dict(dataset, pipeline=train),
            ),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=iters + 1),
            optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer),
            param_scheduler=[
                dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, begin=0, end=iters)
            ],
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=iters)
            ),
            randomness=dict(seed=0),
            work_dir=str(work_dir),
            experiment_name=f'stock_{name}_{work_dir.name}',
            log_level='ERROR',
        )
    )


def train_stock(cfg: Config) -> tuple[Path, Path]:
    """Train with mmengine and mmseg alone.

    Returns:
        Paths of the config and of the checkpoint.
    """
    work_dir = Path(cfg.work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg.dump(work_dir / 'model.py')
    torch.manual_seed(0)
    # what needs a GPU; the config that is kept has it
    run = Config.fromstring(cfg.pretty_text.replace('SyncBN', 'BN'), '.py')
    Runner.from_cfg(run).train()
    return work_dir / 'model.py', work_dir / f'iter_{cfg.train_cfg.max_iters}.pth'
