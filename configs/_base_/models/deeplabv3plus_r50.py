# DeepLabV3+ with output stride 16
_base_ = '../segmentor.py'
backbone_weights = 'weights/resnet50_in1k.pth'
# each stage before its last activation
taps = dict(stages=[f'backbone.layer{i}.-1.relu:input' for i in (1, 2, 3, 4)])
model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        style='pytorch',
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=2048,
        in_index=3,
        channels=256,
        dilations=(1, 6, 12, 18),
        c1_in_channels=256,
        c1_channels=48,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
    ),
)
