_base_ = './bisenet_r50.py'
backbone_weights = 'weights/resnet101_in1k.pth'
model = dict(backbone=dict(backbone_cfg=dict(depth=101)))
