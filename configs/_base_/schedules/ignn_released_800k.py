# IGNN as the authors' released code trains it: batch 2 (one picture on each of two GPUs), its LR
# crops, and its learning-rate steps, which come one epoch (10,000 iterations) early.
batch_size = 2
lq_size = dict(x2=80, x3=66, x4=40)
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8),
)
param_scheduler = dict(
    type="MultiStepLR",
    by_epoch=False,
    milestones=[150_000, 310_000, 470_000, 630_000],
    gamma=0.5,
)
train_cfg = dict(type="IterationTrainLoop", max_iters=800_000, val_interval=10_000)
