# Minutes a step on one core, for BiSeNet on EfficientNet-lite0 and a small copy of Pascal VOC.
# Batch normalisation keeps the statistics of step 0.
_base_ = './small_cpu.py'
step_schedule = dict(
    first=dict(lr=2.0e-2, iters=1500),
    later=dict(lr=1.0e-3, iters=400, freeze_norm=True),
)
