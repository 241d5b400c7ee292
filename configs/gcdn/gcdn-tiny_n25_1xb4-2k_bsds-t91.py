# GCDN small enough for a CPU: 2 filters of 24 channels, 101,757 parameters.
_base_ = "../dncnn/dncnn-tiny_n25_1xb4-2k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="GCDN", channels=24, rank=4, num_blocks=2, window=21))
