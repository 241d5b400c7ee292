# Small networks whose attention goes over the whole crop, on a CPU: batch 8, LR patches of 24x24,
# because the attention's work grows with the fourth power of their side; orthogonal updates from
# 1e-3 along a cosine over the whole run, whose length a config may change (train_cfg.max_iters).
_base_ = "tiny_fast.py"
lq_size = 24
train_cfg = dict(max_iters=2_000, val_interval=2_000)
