# PANet for pictures that keep their size: 80 blocks of 64 channels, pyramid attention after half of
# them.
model = dict(
    type="Restorer",
    network=dict(
        type="PANet",
        channels=64,
        num_blocks=80,
        aggregator=dict(type="PyramidAttention", channels=64, reduction=2, levels=5),
    ),
    loss=dict(type="L1Loss"),
)
