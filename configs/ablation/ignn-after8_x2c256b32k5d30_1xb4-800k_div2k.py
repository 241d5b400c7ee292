# Table 3: GraphAgg after the 8th of 32 blocks.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregate_after=8))
