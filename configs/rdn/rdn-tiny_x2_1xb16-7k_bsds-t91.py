# RDN small enough for a CPU: 257,043 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(
    network=dict(_delete_=True, type="RDN", scale=2, channels=32, growth=16, num_blocks=6, depth=4)
)
