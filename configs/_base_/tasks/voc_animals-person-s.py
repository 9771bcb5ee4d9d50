task = dict(
    dataset='voc',
    name='animals-person-s',
    groups=[['cat', 'dog', 'horse', 'cow', 'sheep'], ['person'], ['sofa']],
)
