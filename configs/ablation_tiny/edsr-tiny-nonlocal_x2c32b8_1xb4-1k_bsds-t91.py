# Table 2: a non-local block in place of GraphAgg.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(network=dict(aggregator=dict(_delete_=True, type="NonLocal", channels=32)))
