# Modeling the Background (Cermelli et al., 2020)
method = dict(
    name='MiB',
    first_loss=dict(type='CrossEntropyLoss'),
    loss=dict(type='UnbiasedCrossEntropy'),
    distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=100.0)],
    classifier_init='background',
)
