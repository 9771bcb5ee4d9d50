# SSUL beside a memory, which fills half of each batch; its pictures keep the labels they had
_base_ = './ssul.py'
method = dict(
    name='SSUL-M',
    memory=dict(type='ClassBalancedMemory', size=100, batch_share=0.5),
)
