_base_ = "edsr_x2c64b16_1xb16-300k_div2k.py"
model = dict(network=dict(scale=4))
