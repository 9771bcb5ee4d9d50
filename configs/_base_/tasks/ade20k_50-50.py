task = dict(dataset='ade20k', name='50-50')
