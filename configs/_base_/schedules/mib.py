# The recipe of MiB (Cermelli et al., 2020), which PLOP and most later work share
batch_size = 24
crop_size = (512, 512)
step_schedule = dict(
    first=dict(lr=1.0e-2, epochs=30, freeze_norm=False),
    later=dict(lr=1.0e-3, epochs=30, freeze_norm=False),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.0, momentum=0.9, weight_decay=1e-4, nesterov=True),
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=24)
