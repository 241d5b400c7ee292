# Small networks on a CPU: batch 16, LR patches of 40x40, Adam from 1e-3 along a cosine over the
# whole run, whose length a config may change (train_cfg.max_iters).
batch_size = 16
lq_size = 40
channels_last = True
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(type="CosineAnnealingLR", by_epoch=False, eta_min=1e-6)
train_cfg = dict(type="IterationTrainLoop", max_iters=60_000, val_interval=1_000)
