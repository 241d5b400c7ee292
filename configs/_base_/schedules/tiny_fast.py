# From a trained tiny network on: batch 8, LR patches of 64x64, orthogonal updates from 1e-3 along a
# cosine over the whole run, whose length a config may change (train_cfg.max_iters), in bfloat16.
_base_ = "tiny_steady.py"
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=200),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=200, eta_min=1e-6),
]
train_cfg = dict(max_iters=1_000, val_interval=1_000)
