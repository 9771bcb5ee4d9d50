# The network starts from ImageNet weights (mmseg-incremental download-weights efficientnet-lite0):
# --cfg-options data_root=DIR backbone_weights=FILE. Weights of LwF, ILT, MiB and PLOP were chosen
# on a fifth of the training list (sweep --dev 0.2), the best on all classes of two or three each,
# as were learning rate and iterations for MiB; FUCE and DPCE have MiB's weight, all else is that
# of the papers
title = 'VOC, real pictures: cat, dog, horse, cow and sheep, then person and sofa'
leaf = '../bisenet_efficientnet-lite0_voc_animals-person_mib.py'
joint = '../bisenet_efficientnet-lite0_voc_animals-person-offline.py'
weight = {'method.distillation.0.loss_weight': 10.0}
methods = {
    'FT': {'method': 'ft'},
    'frozen': {'method': 'frozen'},
    'LwF': {'method': 'lwf', 'method.distillation.0.loss_weight': 30.0},
    'ILT': {'method': 'ilt'},
    'MiB': {**weight},
    'MiB-M': {'method': 'mib_m', **weight},
    'FUCE': {'method': 'fuce', **weight},
    'DPCE': {'method': 'mib_dpce', **weight},
    'EWF': {'method': 'ewf'},
    'PLOP': {'method': 'plop', 'method.distillation.0.loss_weight': 0.1},
    'DKD': {'method': 'dkd'},
}
