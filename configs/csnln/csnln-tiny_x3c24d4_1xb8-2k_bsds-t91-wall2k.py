_base_ = "csnln-tiny_x2c32d4_1xb8-2k_bsds-t91-wall2k.py"
lq_size = 18
model = dict(network=dict(scale=3, channels=24))
