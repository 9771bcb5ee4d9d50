# RCIL (Zhang et al., 2022) with its weights on Pascal VOC; the stages are compared after their
# activation
method = dict(
    name='RCIL',
    first_loss=dict(type='CrossEntropyLoss'),
    loss=dict(type='UnbiasedCrossEntropy'),
    distillation=[
        dict(type='UnbiasedKnowledgeDistillation', loss_weight=100.0),
        dict(type='SpatialPooledCube', taps=['stage_outputs', 'head', 'logits']),
        dict(type='ChannelPooledCube', taps=['stage_outputs', 'head']),
    ],
    classifier_init='background',
    structure=[dict(type='DoubledConvolutions')],
)
