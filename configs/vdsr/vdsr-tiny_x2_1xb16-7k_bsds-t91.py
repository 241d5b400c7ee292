# VDSR small enough for a CPU: 10 layers of 48 channels, 166,752 parameters, under the recipe of the
# other tiny networks.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="VDSR", scale=2, channels=48, num_blocks=8))
