# PA-EDSR small enough to train on a CPU: 197,558 parameters at x2, beside the 24 of the mean shift.
# The attention starts as the identity. Tested in the authors' tiles: pairs of patches of whole
# pictures take minutes each.
model = dict(
    type="Restorer",
    network=dict(
        type="EDSR",
        scale=2,
        channels=32,
        num_blocks=8,
        res_scale=1.0,
        aggregator=dict(type="PyramidAttention", channels=32, reduction=4, residual=True),
    ),
    loss=dict(type="L1Loss"),
    test_procedure="official",
)
