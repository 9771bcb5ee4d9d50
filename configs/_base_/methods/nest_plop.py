# NeST (Xie et al., 2024) before PLOP, as on Pascal VOC; on ADE20K 15 epochs and lr_factor=500
_base_ = './plop.py'
method = dict(
    name='NeST + PLOP',
    classifier_init=dict(
        _delete_=True, type='ClassifierPreTuning', epochs=5, lr_factor=1.0, weight_decay=1e-4
    ),
)
