default_scope = 'mmseg'
custom_imports = dict(
    imports=[
        'mmseg_incremental.datasets',
        'mmseg_incremental.models',
        'mmseg_incremental.methods',
        'mmseg_incremental.engine',
        'mmseg_incremental.evaluation',
    ],
    allow_failed_imports=False,
)
setting = 'overlapped'
# a share of the training list that is held back to choose hyper-parameters on, such as 0.2
dev = None
# which step gets a picture in setting = 'partitioned'
partition_seed = 0
protocol = dict(preset='paper')
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)
sync_bn = 'torch'
# losses in pieces, a folded old model, convolutions channels-last; the same up to rounding
fast_path = True
compile_backbone = False
amp = False
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends)
log_processor = dict(by_epoch=False)
log_level = 'INFO'
default_hooks = dict(
    runtime_info=dict(type='LossLog'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # two are kept: one is whole while the other is being written
    checkpoint=dict(
        type='CheckpointHook', by_epoch=False, interval=500, max_keep_ckpts=2, save_last=False
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
