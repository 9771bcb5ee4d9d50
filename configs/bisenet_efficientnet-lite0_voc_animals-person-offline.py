_base_ = [
    './_base_/models/bisenet_efficientnet-lite0.py',
    './_base_/datasets/voc_128.py',
    './_base_/tasks/voc_animals-person-offline.py',
    './_base_/methods/joint.py',
    './_base_/schedules/lite_cpu.py',
    './_base_/default_runtime.py',
]
step_schedule = dict(first=dict(iters=1900))
