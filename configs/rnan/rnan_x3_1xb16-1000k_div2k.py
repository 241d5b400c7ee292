_base_ = "rnan_x2_1xb16-1000k_div2k.py"
model = dict(network=dict(scale=3))
