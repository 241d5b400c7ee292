# LapSRN as its port trains it: batch 64, Adam at 1e-4. The port counts 100 epochs of patches that
# it cut beforehand; here an epoch is 1,000 iterations.
batch_size = 64
lq_size = 32
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(type="MultiStepLR", by_epoch=False, milestones=[100_000], gamma=0.1)
train_cfg = dict(type="IterationTrainLoop", max_iters=100_000, val_interval=1_000)
