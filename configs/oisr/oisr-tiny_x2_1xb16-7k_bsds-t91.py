# OISR-RK3 small enough for a CPU: 7 blocks of 32 channels, 242,942 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="OISR", scale=2, channels=32, num_blocks=7))
