# The recipe of MiB on ADE20K: twice the epochs
_base_ = './mib.py'
step_schedule = dict(first=dict(epochs=60), later=dict(epochs=60))
