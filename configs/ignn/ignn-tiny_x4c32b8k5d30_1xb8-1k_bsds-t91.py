# ignn_tiny_x4: as ignn_tiny_x3, from the trained edsr_tiny_x4.
_base_ = "ignn-tiny_x3c32b8k5d30_1xb8-1k_bsds-t91.py"
model = dict(
    network=dict(scale=4, aggregator=dict(scale=2), init_cfg=dict(checkpoint="edsr_tiny_x4"))
)
