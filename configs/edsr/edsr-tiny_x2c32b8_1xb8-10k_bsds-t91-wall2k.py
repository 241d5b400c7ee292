# First half of edsr_tiny_x2: on from the weights of 13,000 iterations at a steady rate.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_steady.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2")))
