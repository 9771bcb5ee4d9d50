_base_ = [
    './_base_/models/deeplabv3_r101.py',
    './_base_/datasets/voc_mib.py',
    './_base_/tasks/voc_15-5.py',
    './_base_/methods/mib.py',
    './_base_/schedules/mib.py',
    './_base_/default_runtime.py',
]
setting = 'disjoint'
protocol = dict(preset='mib')
method = dict(distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=10.0)])
