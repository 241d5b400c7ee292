# The paper's ablation: without cross-scale attention.
_base_ = "csnln_x2c128d12_1xb16-1000k_div2k.py"
model = dict(network=dict(cross_scale=False))
