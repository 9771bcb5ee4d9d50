# DKD beside a memory, whose pictures are added to the training set
_base_ = './dkd.py'
method = dict(
    name='DKD-M',
    memory=dict(type='ClassBalancedMemory', size=100),
)
