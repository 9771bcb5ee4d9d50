# EWF (Xiao et al., 2023) on MiB, with its weight of the distillation on Pascal VOC
_base_ = './mib.py'
method = dict(
    name='EWF',
    distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0)],
    trainable=[dict(type='FreezeOldClassifiers')],
    after_step=[dict(type='WeightFusion')],
)
