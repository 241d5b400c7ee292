# RNAN small enough for a CPU: 4 groups of 16 channels, 227,345 parameters.
_base_ = "../dncnn/dncnn-tiny_n25_1xb4-2k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="RNAN", scale=1, planes=1, channels=16, num_groups=4))
