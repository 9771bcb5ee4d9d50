_base_ = [
    './_base_/models/bisenet_r18.py',
    './_base_/datasets/voc.py',
    './_base_/tasks/voc_15-5s.py',
    './_base_/methods/mib_dpce.py',
    './_base_/schedules/paper_r18.py',
    './_base_/default_runtime.py',
]
