# Table 3: GraphAgg after the 6th of 8 blocks.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(aggregate_after=6))
