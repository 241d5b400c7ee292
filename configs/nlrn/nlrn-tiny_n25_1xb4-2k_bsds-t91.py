# NLRN small enough for a CPU: 6 rounds of 64 channels, 85,827 parameters.
_base_ = "../dncnn/dncnn-tiny_n25_1xb4-2k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="NLRN", scale=1, channels=64, inner=32, num_steps=6))
