task = dict(dataset='cityscapes', name='14-1')
