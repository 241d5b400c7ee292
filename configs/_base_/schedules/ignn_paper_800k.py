# IGNN as the paper trains it: batch 4, LR patches of 60x60, Adam at 1e-4 halved every 200,000
# iterations, 800,000 in all.
batch_size = 4
lq_size = 60
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(
    type="MultiStepLR", by_epoch=False, milestones=[200_000, 400_000, 600_000], gamma=0.5
)
train_cfg = dict(type="IterationTrainLoop", max_iters=800_000, val_interval=5_000)
