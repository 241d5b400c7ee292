# IGNN+: the same weights, tested with self-ensemble.
_base_ = "ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(self_ensemble=True)
