# Classes more for a plain mmseg model; the command extend fills in what is None. A config of your
# own inherits from this one and says base, task and data_root.
_base_ = [
    './_base_/methods/mib.py',
    './_base_/schedules/extend.py',
    './_base_/default_runtime.py',
]
base = dict(config=None, checkpoint=None, classes=None)
task = dict(add=[])
# pictures on which the new classes alone are labelled
data_root = None
# a share of them that is kept for testing, and labelled pictures of the old classes
new_val = None
old_data_root = None
backbone_weights = None
# height and width of a crop; the model's own by default
crop_size = None
# one that suits the backbone
step_schedule = dict(later=dict(lr=None))
protocol = dict(preset='plop')
# MiB's losses learn the new class, and PLOP's distillation keeps the features of the old ones
method = dict(
    name='MiB+POD',
    distillation=[
        dict(type='UnbiasedKnowledgeDistillation', loss_weight=3.0),
        dict(type='LocalPOD', loss_weight=0.2),
    ],
)
train_dataloader = dict(
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=False,
    batch_sampler=dict(type='SameSizeBatchSampler'),
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
)
