_base_ = './voc.py'
data_root = 'data/shapes'
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(ann_file='ImageSets/Segmentation/train.txt'),
)
test_dataloader = dict(num_workers=0)
