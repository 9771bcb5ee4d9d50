task = dict(dataset='ade20k', name='100-50')
