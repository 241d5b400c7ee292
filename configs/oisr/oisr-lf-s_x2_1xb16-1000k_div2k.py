# OISR-LF-s: 8 blocks of 64 channels; with channels=122 it is LF-m.
_base_ = "oisr_x2_1xb16-1000k_div2k.py"
model = dict(network=dict(scheme="lf", channels=64, num_blocks=8))
