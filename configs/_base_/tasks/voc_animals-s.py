task = dict(
    dataset='voc',
    name='animals-s',
    groups=[['cat', 'dog', 'horse', 'person'], ['cow'], ['sheep']],
    base=4,
)
