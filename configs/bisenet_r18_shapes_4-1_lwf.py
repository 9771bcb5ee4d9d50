_base_ = [
    './_base_/models/bisenet_r18.py',
    './_base_/datasets/shapes.py',
    './_base_/tasks/shapes_4-1.py',
    './_base_/methods/lwf.py',
    './_base_/schedules/demo.py',
    './_base_/default_runtime.py',
]
backbone_weights = None
default_hooks = dict(checkpoint=dict(interval=50))
