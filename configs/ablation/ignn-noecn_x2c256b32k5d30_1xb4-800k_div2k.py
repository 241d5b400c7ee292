# Table 6: without ECN; weights exp(-D / 10), normalised. The released code never ran this.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregator=dict(ecn=False)))
