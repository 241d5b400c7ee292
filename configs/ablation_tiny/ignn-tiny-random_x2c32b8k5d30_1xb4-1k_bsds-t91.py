# Control: random neighbours from the window in place of the nearest.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(aggregator=dict(neighbors="random")))
