_base_ = "graph-agg-star_x2k5d30.py"
model = dict(network=dict(scale=3))
