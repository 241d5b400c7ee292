# RCAN small enough for a CPU: about 220,000 parameters at x2.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(
    network=dict(
        _delete_=True,
        type="RCAN",
        scale=2,
        channels=32,
        num_groups=3,
        num_blocks=3,
        reduction=8,
        compact=True,
    )
)
