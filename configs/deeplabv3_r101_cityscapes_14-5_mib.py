_base_ = [
    './_base_/models/deeplabv3_r101.py',
    './_base_/datasets/cityscapes.py',
    './_base_/tasks/cityscapes_14-5.py',
    './_base_/methods/mib.py',
    './_base_/schedules/mib.py',
    './_base_/default_runtime.py',
]
method = dict(distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0)])
