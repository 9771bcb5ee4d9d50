# SSUL (Cha et al., 2021). method.targets.saliency=DIR gives saliency maps; without them every
# background pixel is unknown, as the authors have it on ADE20K
method = dict(
    name='SSUL',
    loss=dict(type='SigmoidCrossEntropy', avg_non_ignore=True),
    distillation=[],
    classifier_init='unknown',
    extra_channels=dict(type='NamedChannels', channels=dict(unknown=1)),
    targets=dict(type='UnknownClassLabels', threshold=0.7, saliency=None),
    trainable=[dict(type='FreezeAllButNewClassifiers', train_extra=['unknown'])],
    link=dict(type='UnknownAsBackground'),
)
