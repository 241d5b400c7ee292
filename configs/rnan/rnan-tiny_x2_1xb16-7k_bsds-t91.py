# RNAN small enough for a CPU: 4 groups of 16 channels, 237,227 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="RNAN", scale=2, channels=16, num_groups=4))
