# edsr_tiny_x2: on from edsr_tiny_x2_19k, along one cosine more.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/distilled_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_19k")))
train_cfg = dict(max_iters=6_000, val_interval=2_000)
