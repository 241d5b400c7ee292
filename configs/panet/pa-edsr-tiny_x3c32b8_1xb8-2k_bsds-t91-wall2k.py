_base_ = "pa-edsr-tiny_x2c32b8_1xb8-2k_bsds-t91-wall2k.py"
model = dict(network=dict(scale=3, init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x3")))
