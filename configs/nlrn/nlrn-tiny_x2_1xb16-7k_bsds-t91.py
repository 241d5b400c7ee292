# NLRN small enough for a CPU: 6 rounds of 64 channels on the enlarged luma, 85,827 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
lq_size = 20
model = dict(
    network=dict(
        _delete_=True,
        type="NLRN",
        scale=2,
        channels=64,
        inner=32,
        num_steps=6,
        colour="luma",
    )
)
