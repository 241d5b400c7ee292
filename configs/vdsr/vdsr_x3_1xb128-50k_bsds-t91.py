_base_ = "vdsr_x2_1xb128-50k_bsds-t91.py"
model = dict(network=dict(scale=3))
