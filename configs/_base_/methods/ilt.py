# ILT (Michieli and Zanuttigh, 2019); its features are the output of the first ARM
method = dict(
    name='ILT',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[
        dict(type='KnowledgeDistillation', loss_weight=100.0),
        dict(type='FeatureDistillation', module='backbone.context_path.arm16', loss_weight=100.0),
    ],
    classifier_init='random',
)
