# Every method with the values of its own file, but MiB and what stands on it, whose distillation
# weighs 10 as in MiB's code: so short a training learns next to nothing of new classes with 100
title = 'Shapes 4-1: discs, squares, triangles and stars, then rings, then crosses'
leaf = '../bisenet_r18_shapes_4-1_mib.py'
joint = '../bisenet_r18_shapes_offline.py'
weight = {'method.distillation.0.loss_weight': 10.0}
methods = {
    'FT': {'method': 'ft'},
    'EWC': {'method': 'ewc'},
    'PI': {'method': 'pi'},
    'RW': {'method': 'rw'},
    'LwF': {'method': 'lwf'},
    'ILT': {'method': 'ilt'},
    'MiB': {},
    'FUCE': {'method': 'fuce', **weight},
    'DPCE': {'method': 'mib_dpce', **weight},
    'MiB-M': {'method': 'mib_m', **weight},
    'EWF': {'method': 'ewf'},
    'PLOP': {'method': 'plop'},
    'EWF + PLOP': {'method': 'ewf_plop'},
    'RCIL': {'method': 'rcil', **weight},
    'DFT*': {'method': 'dft'},
    'SSUL': {'method': 'ssul'},
    'SSUL-M': {'method': 'ssul_m'},
    'DKD': {'method': 'dkd'},
    'DKD-M': {'method': 'dkd_m'},
}
