# SRFBN-S with 24 channels, small enough for a CPU: 159,810 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="SRFBN", scale=2, channels=24, num_groups=3))
