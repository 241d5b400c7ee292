# Table 2: a non-local block in place of GraphAgg.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregator=dict(_delete_=True, type="NonLocal", channels=256)))
