task = dict(dataset='cityscapes', name='10-1')
