# BiSeNet on EfficientNet-lite0, small enough for two CPU cores. Needs the extra "timm".
_base_ = './bisenet_r18.py'
backbone_weights = 'weights/efficientnet-lite0_in1k.pth'
# the last block of each stage, which ends without an activation
taps = dict(stages=[f'backbone.context_path.backbone.timm_model.blocks.{i}' for i in (1, 2, 4, 6)])
model = dict(
    # the weights were trained on (x - 127) / 128
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0]),
    backbone=dict(
        backbone_cfg=dict(
            _delete_=True,
            type='mmpretrain.TIMMBackbone',
            model_name='tf_efficientnet_lite0',
            features_only=True,
            out_indices=(1, 2, 3, 4),
        ),
        context_channels=(40, 112, 320),
        spatial_channels=(32, 32, 32, 72),
    ),
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=40,
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
