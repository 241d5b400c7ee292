# Table 6: without ECN; 0.03 is the median squared distance of RGB patches.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(aggregator=dict(ecn=False, distance_divisor=0.03)))
