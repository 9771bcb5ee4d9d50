# MiB with the focal unbiased cross-entropy, alpha and gamma of the best row of its table
method = dict(
    name='FUCE',
    first_loss=dict(type='CrossEntropyLoss'),
    loss=dict(type='FocalUnbiasedCrossEntropy', alpha=2.0, gamma=1.5),
    distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=100.0)],
    classifier_init='background',
)
