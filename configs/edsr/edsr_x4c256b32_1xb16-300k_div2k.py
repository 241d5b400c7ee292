_base_ = "edsr_x4c64b16_1xb16-300k_div2k.py"
model = dict(network=dict(channels=256, num_blocks=32, res_scale=0.1))
