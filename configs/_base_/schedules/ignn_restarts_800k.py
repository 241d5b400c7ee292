# What IGNN's authors advise for reaching the paper's figures: a warm-up, then cosine restarts. They
# give no numbers: the lengths of the cycles, each twice the one before, are ours.
batch_size = 4
lq_size = 60
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.01, end=2_000),
    dict(
        type="CosineRestartLR",
        by_epoch=False,
        periods=[114_000, 228_000, 456_000],
        restart_weights=[1, 1, 1],
        eta_min=1e-7,
        begin=2_000,
        end=800_000,
    ),
]
train_cfg = dict(type="IterationTrainLoop", max_iters=800_000, val_interval=5_000)
