# Pyramid attention after half of EDSR-baseline's 16 blocks: the base of the ablations.
_base_ = "../edsr/edsr_x2c64b16_1xb16-300k_div2k.py"
model = dict(
    network=dict(aggregator=dict(type="PyramidAttention", channels=64, reduction=2, levels=5))
)
