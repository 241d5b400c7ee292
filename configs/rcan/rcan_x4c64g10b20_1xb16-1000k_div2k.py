_base_ = "rcan_x2c64g10b20_1xb16-1000k_div2k.py"
model = dict(network=dict(scale=4))
