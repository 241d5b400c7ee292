# Table 5: k = 11 neighbours.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregator=dict(num_neighbors=11)))
