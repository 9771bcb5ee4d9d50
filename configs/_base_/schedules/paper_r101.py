# Batch, crop and learning rate of incremental BiSeNet. It does not state the learning rate of
# the later steps: a tenth, as in MiB.
batch_size = 32
crop_size = (392, 392)
step_schedule = dict(
    first=dict(lr=2.5e-2, epochs=30, freeze_norm=False),
    later=dict(lr=2.5e-3, epochs=30, freeze_norm=False),
)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.0, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
