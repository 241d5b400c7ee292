# SAN small enough for a CPU: 4 groups of 4 blocks, 24 channels.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(
    network=dict(
        _delete_=True, type="SAN", scale=2, channels=24, num_groups=4, num_blocks=4, reduction=8
    )
)
