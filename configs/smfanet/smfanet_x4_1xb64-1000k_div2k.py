_base_ = "smfanet_x2_1xb64-1000k_div2k.py"
model = dict(network=dict(scale=4))
