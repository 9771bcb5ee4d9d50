# MiB beside a memory: old classes that a remembered picture was known to show are learnt as such
_base_ = './mib.py'
method = dict(
    name='MiB-M',
    loss=dict(old_labels='kept'),
    memory=dict(type='ClassBalancedMemory', size=100),
)
