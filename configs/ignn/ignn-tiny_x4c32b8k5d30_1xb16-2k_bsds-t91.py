# ignn_tiny_x4: the graph is put into the trained edsr_tiny_x4, and both train on.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91.py"
model = dict(network=dict(scale=4, init_cfg=dict(checkpoint="edsr_tiny_x4")))
