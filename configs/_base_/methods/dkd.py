# DKD (Baek et al., 2022) with the weights of Pascal VOC: the labelled channel counts twice at step
# 0, once later; on ADE20K 35 times at all steps. The loss of the new channels holds that of the
# auxiliary one, which no pixel is labelled as.
method = dict(
    name='DKD',
    first_loss=dict(type='SigmoidCrossEntropy', channels='new', positive_weight=2.0),
    loss=dict(type='SigmoidCrossEntropy', channels='new', positive_weight=1.0),
    distillation=[
        dict(type='SigmoidDistillation', loss_weight=5.0),
        dict(type='DecomposedReasoning', loss_weight=5.0),
    ],
    classifier_init='auxiliary',
    extra_channels=dict(type='NamedChannels', channels=dict(auxiliary=1)),
    targets=dict(type='VoidAsBackground'),
    trainable=[
        dict(type='DetachExtraChannels', names=['auxiliary'], when='all'),
        dict(type='FreezeNorm'),
        dict(type='FreezeDropout'),
    ],
    link=dict(type='SigmoidOrBackground'),
)
