_base_ = "ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(
    network=dict(
        scale=3,
        aggregator=dict(scale=3),
        init_cfg=dict(checkpoint="checkpoints/edsr_x3-ea3ef2c6.pt"),
    )
)
