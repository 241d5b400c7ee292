# RNAN for pictures that keep their size, as released: batch 16, patches of 48x48, Adam at 1e-4
# halved every 200 of 1,300 epochs of 1,000 iterations, mean squared error.
_base_ = "rcan_1000k.py"
param_scheduler = dict(milestones=[200_000, 400_000, 600_000, 800_000, 1_000_000, 1_200_000])
train_cfg = dict(max_iters=1_300_000)
