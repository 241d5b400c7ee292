_base_ = "memnet_x2_1xb64-100k_bsds-t91.py"
model = dict(network=dict(scale=4))
