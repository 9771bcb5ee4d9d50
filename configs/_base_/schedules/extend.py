# A class more for a model that exists, from a few hundred pictures
batch_size = 8
crop_size = (512, 512)
step_schedule = dict(
    first=dict(lr=0.0, iters=1),  # step 0 is given
    later=dict(lr=5.0e-3, iters=250, freeze_norm=True),
)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.0, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=8)
