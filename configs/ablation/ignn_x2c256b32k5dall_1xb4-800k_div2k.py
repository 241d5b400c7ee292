# Table 4: the whole downsampled image is searched.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(network=dict(aggregator=dict(window=None)))
