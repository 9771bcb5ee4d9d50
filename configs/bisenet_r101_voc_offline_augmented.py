_base_ = [
    './_base_/models/bisenet_r101.py',
    './_base_/datasets/voc_augmented.py',
    './_base_/tasks/voc_offline.py',
    './_base_/methods/joint.py',
    './_base_/schedules/paper_r101.py',
    './_base_/default_runtime.py',
]
