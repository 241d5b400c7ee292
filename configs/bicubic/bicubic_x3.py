_base_ = "bicubic_x2.py"
model = dict(network=dict(scale=3))
