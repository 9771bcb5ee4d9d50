# EWF (Xiao et al., 2023) on PLOP
_base_ = './plop.py'
method = dict(
    name='EWF + PLOP',
    trainable=[dict(type='FreezeOldClassifiers')],
    after_step=[dict(type='WeightFusion')],
)
