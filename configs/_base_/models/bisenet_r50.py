_base_ = './bisenet_r18.py'
backbone_weights = 'weights/resnet50_in1k.pth'
model = dict(
    backbone=dict(
        backbone_cfg=dict(depth=50),
        context_channels=(512, 1024, 2048),
        spatial_channels=(256, 256, 256, 512),
    ),
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=512,
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
