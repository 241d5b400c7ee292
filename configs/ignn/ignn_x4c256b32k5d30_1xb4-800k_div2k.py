_base_ = "ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(scale=4, init_cfg=dict(checkpoint="checkpoints/edsr_x4-4f62e9ef.pt")))
