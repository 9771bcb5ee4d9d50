task = dict(dataset='voc', name='15-5s')
