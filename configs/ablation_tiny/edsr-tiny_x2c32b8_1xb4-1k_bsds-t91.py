# Table 2, baseline: edsr_tiny_x2_7k trained on, without a graph.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(aggregator=None))
