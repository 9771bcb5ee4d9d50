# Fine-tuning: nothing keeps the old classes
method = dict(
    name='FT',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
)
