title = 'Shapes 4-1: discs, squares, triangles and stars, then rings, then crosses'
leaf = '../bisenet_r18_shapes_4-1_mib.py'
joint = '../bisenet_r18_shapes_offline.py'
methods = {
    'FT': dict(method='ft'),
    'LwF': dict(method='lwf'),
    'ILT': dict(method='ilt'),
    'MiB': {},
    'MiB-M': {'method': 'mib_m', 'method.distillation.0.loss_weight': 10.0},
    'EWF': dict(method='ewf'),
    'PLOP': dict(method='plop'),
    'DFT*': dict(method='dft'),
}
