# RCAN x2: 10 groups of 20 channel-attention blocks.
model = dict(
    type="Restorer",
    network=dict(type="RCAN", scale=2, channels=64, num_groups=10, num_blocks=20, reduction=16),
    loss=dict(type="L1Loss"),
)
