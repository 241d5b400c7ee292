# Control: as many parameters as the ladder's IGNN (235,576 and 240,173), in four more blocks,
# which start as identity and learn as fast as an aggregator.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(num_blocks=12, aggregator=None))
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={f"blocks.{number}": dict(lr_mult=10.0) for number in (8, 9, 10, 11)}
    )
)
