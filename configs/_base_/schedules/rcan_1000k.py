# RCAN: batch 16, LR patches of 48x48, Adam at 1e-4 halved every 200,000 iterations, as published;
# the length, 1,000,000, is ours: the paper names none.
batch_size = 16
lq_size = 48
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(
    type="MultiStepLR",
    by_epoch=False,
    milestones=[200_000, 400_000, 600_000, 800_000],
    gamma=0.5,
)
train_cfg = dict(type="IterationTrainLoop", max_iters=1_000_000, val_interval=5_000)
