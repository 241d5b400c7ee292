# From a trained tiny network on: batch 16, LR patches of 40x40, Adam from 4e-4 along a cosine over
# the whole run, whose length a config may change (train_cfg.max_iters).
_base_ = "tiny_cosine.py"
optim_wrapper = dict(optimizer=dict(lr=4e-4))
train_cfg = dict(max_iters=2_000, val_interval=500)
