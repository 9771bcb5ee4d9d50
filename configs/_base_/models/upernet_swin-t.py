# UPerNet on Swin-T
_base_ = '../segmentor.py'
backbone_weights = 'weights/swin-t_in1k.pth'
model = dict(
    backbone=dict(
        type='SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.3,
        out_indices=(0, 1, 2, 3),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[96, 192, 384, 768],
        in_index=[0, 1, 2, 3],
        channels=512,
        pool_scales=(1, 2, 3, 6),
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
    ),
)
