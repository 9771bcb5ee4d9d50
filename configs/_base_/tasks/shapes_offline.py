task = dict(dataset='shapes', name='offline', base=4)
