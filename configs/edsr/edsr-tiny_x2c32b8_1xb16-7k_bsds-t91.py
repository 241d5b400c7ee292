_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/schedules/tiny_cosine.py",
    "../_base_/runtime/default.py",
]
train_cfg = dict(max_iters=7_000, val_interval=500)
