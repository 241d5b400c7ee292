# SMFANet as released: batch 64, LR patches of 64x64, Adam(0.9, 0.99) from 1e-3 along a cosine to
# 1e-6.
batch_size = 64
lq_size = 64
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-3, betas=(0.9, 0.99), eps=1e-8),
)
param_scheduler = dict(type="CosineAnnealingLR", by_epoch=False, eta_min=1e-6)
train_cfg = dict(type="IterationTrainLoop", max_iters=1_000_000, val_interval=5_000)
