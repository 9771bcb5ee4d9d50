_base_ = './paper_r101.py'
batch_size = 40
step_schedule = dict(first=dict(lr=3.1e-2), later=dict(lr=3.1e-3))
auto_scale_lr = dict(base_batch_size=40)
