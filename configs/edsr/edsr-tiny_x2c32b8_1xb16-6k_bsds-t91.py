# edsr_tiny_x2_13k: trained on from edsr_tiny_x2_7k, along a second cosine.
_base_ = "edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_7k")))
optim_wrapper = dict(optimizer=dict(lr=4e-4))
train_cfg = dict(max_iters=6_000)
