# edsr_tiny_x2: on from the weights of 13,000 iterations, towards what SMFANet makes of the training
# pictures; 3,000 iterations at a steady rate, then down: first as if 5,000 were all, then to 6,000.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/distilled_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_steady.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_13k")))
param_scheduler = [
    dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=200),
    dict(
        type="CosineAnnealingLR", by_epoch=False, begin=3_000, end=3_750, T_max=2_000, eta_min=1e-6
    ),
    dict(type="CosineAnnealingLR", by_epoch=False, begin=3_750, eta_min=1e-6),
]
train_cfg = dict(max_iters=6_000)
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.001)]
