task = dict(
    dataset='voc', name='animals', groups=[['cat', 'dog', 'horse', 'person'], ['cow', 'sheep']]
)
