# DFT*, the frozen baseline: after step 0 only classifiers learn, those to come included.
# link=dict(type='FutureAsBackground') lets the classes to come compete, as its code does
method = dict(
    name='DFT*',
    loss=dict(type='CrossEntropyLoss'),
    distillation=[],
    classifier_init='random',
    extra_channels=dict(type='FutureClasses'),
    trainable=[dict(type='FreezeAllButNewClassifiers')],
    link=dict(type='SeenChannels'),
)
