# EDSR-baseline x2; the full network is channels=256, num_blocks=32, res_scale=0.1.
model = dict(
    type="Restorer",
    network=dict(type="EDSR", scale=2, channels=64, num_blocks=16, res_scale=1.0),
    loss=dict(type="L1Loss"),
)
