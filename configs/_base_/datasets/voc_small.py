# Pascal VOC on a machine with few cores
_base_ = './voc.py'
train_dataloader = dict(num_workers=1)
test_dataloader = dict(num_workers=1)
