# Pascal VOC for crops of 128 pixels: the short side is resized to 128 to 160 pixels in training,
# and to 144 in evaluation, whose predictions are enlarged again
_base_ = './voc_small.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(2048, 144), ratio_range=(8 / 9, 10 / 9), keep_ratio=True),
    dict(type='RandomCrop', crop_size=None),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 144), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
