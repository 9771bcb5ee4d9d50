# Minutes on two cores, for a small copy of Pascal VOC
_base_ = './paper_r101.py'
batch_size = 16
crop_size = (128, 128)
step_schedule = dict(
    first=dict(_delete_=True, lr=2.0e-2, iters=600),
    later=dict(_delete_=True, lr=2.0e-3, iters=200),
)
auto_scale_lr = dict(base_batch_size=16)
