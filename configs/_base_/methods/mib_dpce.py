# MiB with pixels near a class boundary weighted up, the future work of incremental BiSeNet. It
# names no distance: sigma, in pixels, is that of the boundary weights of U-Net.
method = dict(
    name='MiB + DPCE',
    first_loss=dict(type='CrossEntropyLoss'),
    loss=dict(type='DistancePenalizedCrossEntropy', sigma=5.0),
    distillation=[dict(type='UnbiasedKnowledgeDistillation', loss_weight=100.0)],
    classifier_init='background',
)
