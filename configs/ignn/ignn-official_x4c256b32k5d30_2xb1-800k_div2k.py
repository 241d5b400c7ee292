_base_ = "ignn-official_x2c256b32k5d30_2xb1-800k_div2k.py"
model = dict(network=dict(scale=4))
