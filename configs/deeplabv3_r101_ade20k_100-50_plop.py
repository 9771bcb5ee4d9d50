_base_ = [
    './_base_/models/deeplabv3_r101.py',
    './_base_/datasets/ade20k.py',
    './_base_/tasks/ade20k_100-50.py',
    './_base_/methods/plop.py',
    './_base_/schedules/mib_ade20k.py',
    './_base_/default_runtime.py',
]
