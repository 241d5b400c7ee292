# CSNLN as released: batch 16, LR patches of 48x48, Adam at 1e-4 halved once, after 200 of 1,000
# epochs of 1,000 iterations. At x4 the released code's batch 16 takes more than 32 GB, and its
# authors took patches of 30x30, or batch 12.
batch_size = 16
lq_size = 48
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(type="MultiStepLR", by_epoch=False, milestones=[200_000], gamma=0.5)
train_cfg = dict(type="IterationTrainLoop", max_iters=1_000_000, val_interval=5_000)
