task = dict(dataset='shapes', name='4-1')
