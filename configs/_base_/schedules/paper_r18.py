_base_ = './paper_r101.py'
batch_size = 64
step_schedule = dict(first=dict(lr=5.0e-2), later=dict(lr=5.0e-3))
auto_scale_lr = dict(base_batch_size=64)
