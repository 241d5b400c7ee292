# VDSR as its port trains it: batch 128, patches of 41x41 (here of the LR side that comes nearest),
# SGD at 0.1 divided by 10 at every fifth of the run, the gradient's norm clipped at 0.4, the sum of
# squared errors. The port counts 50 epochs of patches that it cut beforehand; here an epoch is
# 1,000 iterations.
batch_size = 128
lq_size = dict(x2=20, x3=14, x4=10)
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.4),
)
param_scheduler = dict(
    type="MultiStepLR", by_epoch=False, milestones=[10_000, 20_000, 30_000, 40_000], gamma=0.1
)
train_cfg = dict(type="IterationTrainLoop", max_iters=50_000, val_interval=1_000)
