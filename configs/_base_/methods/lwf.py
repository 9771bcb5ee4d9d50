# Learning without Forgetting (Li and Hoiem, 2017)
method = dict(
    name='LwF',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[dict(type='KnowledgeDistillation', loss_weight=100.0)],
    classifier_init='random',
)
