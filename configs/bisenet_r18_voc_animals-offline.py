_base_ = [
    './_base_/models/bisenet_r18.py',
    './_base_/datasets/voc_small.py',
    './_base_/tasks/voc_animals-offline.py',
    './_base_/methods/joint.py',
    './_base_/schedules/small_cpu.py',
    './_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=50))
step_schedule = dict(first=dict(iters=1800))
