# PI (Zenke et al., 2017) in the form and with the weight of MiB's code
method = dict(
    name='PI',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
    importance=dict(type='PathIntegral', weight=500.0),
)
