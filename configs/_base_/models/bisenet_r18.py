# Incremental BiSeNet: the feature fusion module and the supervision heads have 32 channels,
# whatever the number of classes.
_base_ = '../segmentor.py'
backbone_weights = 'weights/resnet18_in1k.pth'
taps = dict(stages=[f'backbone.context_path.backbone.layer{i}.-1.relu:input' for i in (1, 2, 3, 4)])
model = dict(
    backbone=dict(
        type='BiSeNetV1',
        backbone_cfg=dict(
            type='mmpretrain.ResNet',
            depth=18,
            out_indices=(0, 1, 2, 3),
            style='pytorch',
            init_cfg=[
                dict(type='Kaiming', layer=['Conv2d']),
                dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
            ],
        ),
        context_channels=(128, 256, 512),
        spatial_channels=(64, 64, 64, 128),
        out_channels=32,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=32,
        in_index=0,
        channels=32,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0,
    ),
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=128,
            in_index=index,
            channels=32,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0,
            norm_cfg=dict(type='BN'),
        )
        for index in (1, 2)
    ],
)
