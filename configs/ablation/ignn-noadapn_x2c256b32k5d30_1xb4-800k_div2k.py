# Table 6: without AdaPN.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregator=dict(adapn=False)))
