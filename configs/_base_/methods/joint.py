# Joint: all classes at once, the upper bound; goes with an offline task
method = dict(
    name='Joint',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
)
