# edsr_tiny_x2_photo: on from edsr_tiny_x2, on LR pictures that are JPEGs and slightly noisy as
# photographs are.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/photographs_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2")))
train_cfg = dict(max_iters=4_000, val_interval=4_000)
