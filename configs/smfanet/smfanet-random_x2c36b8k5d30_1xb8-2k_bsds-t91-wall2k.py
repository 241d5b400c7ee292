# Control: random neighbours from the window in place of the nearest.
_base_ = "smfanet-graph_x2c36b8k5d30_1xb8-2k_bsds-t91-wall2k.py"
model = dict(network=dict(aggregator=dict(neighbors="random")))
