# EDSR's blocks at half the picture's size, for restoration on a CPU: 280,620 parameters for RGB.
model = dict(
    type="Restorer",
    network=dict(type="HalfEDSR", channels=48, num_blocks=6),
    loss=dict(type="L1Loss"),
)
