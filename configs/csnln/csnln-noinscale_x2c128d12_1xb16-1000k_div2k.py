# The paper's ablation: without in-scale attention, the features enlarged as they are.
_base_ = "csnln_x2c128d12_1xb16-1000k_div2k.py"
model = dict(network=dict(in_scale=False))
