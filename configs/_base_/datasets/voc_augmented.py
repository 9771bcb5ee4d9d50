# The data augmentation of incremental BiSeNet, table 3: pad and centre crop, random rotation,
# colour jitter, horizontal flip. It states no angle: 10 degrees either way, every picture.
# Pixels that a transform adds are void, which no loss counts, and never background.
_base_ = './voc.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='CenterCrop',
        crop_size=None,
        auto_pad=True,
        pad_cfg=dict(type='Pad', pad_val=dict(img=0, seg=255)),
    ),
    dict(type='RandomRotate', prob=1.0, degree=10.0, pad_val=0, seg_pad_val=255),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
