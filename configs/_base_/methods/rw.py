# RW (Chaudhry et al., 2018) in the form and with the weight of MiB's code
method = dict(
    name='RW',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
    importance=dict(type='RiemannianWalk', weight=100.0, alpha=0.9, interval=10),
)
