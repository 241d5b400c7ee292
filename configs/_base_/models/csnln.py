# CSNLN x2: the cell 12 times, 128 channels.
model = dict(
    type="Restorer",
    network=dict(type="CSNLN", scale=2, channels=128, depth=12, reduction=2),
    loss=dict(type="L1Loss"),
)
