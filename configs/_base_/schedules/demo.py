# A few minutes in all on two cores, for the rendered shapes
_base_ = './paper_r101.py'
batch_size = 12
crop_size = (64, 64)
step_schedule = dict(
    first=dict(_delete_=True, lr=3.0e-2, iters=400),
    later=dict(_delete_=True, lr=1.0e-2, iters=150),
)
auto_scale_lr = dict(base_batch_size=12)
