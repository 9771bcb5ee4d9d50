# EWC (Kirkpatrick et al., 2017) in the form and with the weight of MiB's code
method = dict(
    name='EWC',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
    importance=dict(type='ElasticWeights', weight=500.0, alpha=0.9),
)
