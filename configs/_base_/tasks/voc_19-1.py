task = dict(dataset='voc', name='19-1')
