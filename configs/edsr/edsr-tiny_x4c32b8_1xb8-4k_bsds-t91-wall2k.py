# edsr_tiny_x4: from the trained edsr_tiny_x2, whose blocks it keeps.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(scale=4, init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2")))
train_cfg = dict(max_iters=4_000, val_interval=4_000)
