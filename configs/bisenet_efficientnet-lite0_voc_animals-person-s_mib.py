_base_ = [
    './_base_/models/bisenet_efficientnet-lite0.py',
    './_base_/datasets/voc_128.py',
    './_base_/tasks/voc_animals-person-s.py',
    './_base_/methods/mib.py',
    './_base_/schedules/lite_cpu.py',
    './_base_/default_runtime.py',
]
# Both steps together as long as the one that learns both classes
step_schedule = dict(later=dict(iters=200))
