# EDSR small enough to train on a CPU: about 160,000 parameters at x2.
model = dict(
    type="Restorer",
    network=dict(type="EDSR", scale=2, channels=32, num_blocks=8, res_scale=1.0, compact=True),
    loss=dict(type="L1Loss"),
)
