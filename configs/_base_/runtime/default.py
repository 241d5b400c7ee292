# What every run shares: seed, log, checkpoints, and how a run stops.
default_scope = "ignn_toolbox"
data_root = "data"
randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(timeout=1800),
)
default_hooks = dict(
    runtime_info=dict(type="RunStateHook"),
    timer=dict(type="IterationTimer"),
    sampler_seed=None,  # our sampler needs no epoch numbers
    skips=dict(type="SkipReportHook"),
    logger=dict(
        type="LoggerHook", interval=100, interval_exp_name=10**9, log_metric_by_epoch=False
    ),
    records=dict(type="RecordsHook"),
    # Saves where the run validates; keeps the best weights by the first validation figure.
    checkpoint=dict(type="SafeCheckpointHook", interval=None, max_keep=3, save_best="auto"),
    interrupt=dict(type="InterruptHook"),
)
log_processor = dict(type="TrainingLog", window_size=100)
visualizer = dict(type="RunRecorder", vis_backends=[dict(type="LocalVisBackend")])
log_level = "INFO"
