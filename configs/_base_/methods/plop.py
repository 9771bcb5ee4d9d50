# PLOP (Douillard et al., 2021); method.survey.threshold is 'code', 'histogram' or 'paper'
method = dict(
    name='PLOP',
    loss=dict(type='CrossEntropyLoss'),
    targets=dict(type='EntropyPseudoLabels'),
    survey=dict(type='EntropyThresholds', threshold='code'),
    distillation=[dict(type='LocalPOD')],
    classifier_init='background',
)
