# The paper's ablation of levels: 1 of 5.
_base_ = "pa-edsr_x2c64b16_1xb16-300k_div2k.py"
model = dict(network=dict(aggregator=dict(levels=1)))
