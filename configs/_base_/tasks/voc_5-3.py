task = dict(dataset='voc', name='5-3')
