# The released code starts from the trained x2 network, all but its upsampler:
# model.network.init_cfg=dict(type="Pretrained", checkpoint="...").
_base_ = "pa-edsr_x2c256b32_1xb16-1000k_div2k.py"
model = dict(network=dict(scale=4))
