# Minutes on two cores, for a small copy of Pascal VOC
_base_ = './paper_r101.py'
batch_size = 8
crop_size = (128, 128)
step_schedule = dict(
    first=dict(_delete_=True, lr=1.0e-2, iters=1200),
    later=dict(_delete_=True, lr=1.0e-3, iters=200),
)
auto_scale_lr = dict(base_batch_size=8)
