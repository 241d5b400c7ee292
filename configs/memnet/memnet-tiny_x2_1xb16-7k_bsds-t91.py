# MemNet small enough for a CPU: 248,231 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(
    network=dict(_delete_=True, type="MemNet", scale=2, channels=32, num_blocks=4, num_units=3)
)
