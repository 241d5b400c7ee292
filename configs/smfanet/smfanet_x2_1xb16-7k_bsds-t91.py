# SMFANet as it is, under the recipe of the tiny networks: it is small enough for a CPU.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="SMFANet", scale=2))
