# Pascal VOC as MiB brings it to the network: random resized crops in training; in evaluation the
# short side is resized to 512 and the centre cut out, labels too
_base_ = './voc.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResizedCrop', crop_size=None, area=(0.5, 2.0), ratio=(3 / 4, 4 / 3)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(100000, 512), keep_ratio=True),
    dict(type='mmcv.CenterCrop', crop_size=(512, 512)),
    dict(type='EvaluateAtThisSize'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
