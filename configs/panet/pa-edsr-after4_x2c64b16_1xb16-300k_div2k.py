# The paper's ablation of places: after block 4 of 16.
_base_ = "pa-edsr_x2c64b16_1xb16-300k_div2k.py"
model = dict(network=dict(aggregate_after=4))
