# DeepLabV3 with output stride 16 and 256 channels, the network of MiB, PLOP and most later work.
# Theirs reduces the pyramid with a 1x1 convolution instead of a 3x3 one and has leaky ReLUs. The
# PyTorch ResNet dilates the first block of the last stage too, as theirs does.
_base_ = '../segmentor.py'
backbone_weights = 'weights/resnet101_in1k.pth'
# PLOP takes each stage before its last activation
taps = dict(stages=[f'backbone.layer{i}.-1.relu:input' for i in (1, 2, 3, 4)])
model = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=101,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        style='pytorch',
    ),
    decode_head=dict(
        type='ASPPHead',
        in_channels=2048,
        in_index=3,
        channels=256,
        dilations=(1, 6, 12, 18),
        dropout_ratio=0,
        norm_cfg=dict(type='BN'),
    ),
)
