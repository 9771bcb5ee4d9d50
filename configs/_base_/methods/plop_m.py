# PLOP beside a memory: old classes that a remembered picture was known to show are learnt as such
_base_ = './plop.py'
method = dict(
    name='PLOP-M',
    targets=dict(old_labels='kept'),
    memory=dict(type='ClassBalancedMemory', size=100),
)
