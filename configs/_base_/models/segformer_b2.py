# SegFormer-B2
_base_ = './segformer_b0.py'
backbone_weights = 'weights/mit-b2_in1k.pth'
model = dict(
    backbone=dict(embed_dims=64, num_layers=[3, 4, 6, 3]),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
)
