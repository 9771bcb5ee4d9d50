# New classifiers on the network of step 0, nothing else learns: the feature extraction of
# Li and Hoiem (2017)
_base_ = './ft.py'
method = dict(name='frozen', trainable=[dict(type='FreezeAllButNewClassifiers')])
