task = dict(dataset='voc', name='10-10')
