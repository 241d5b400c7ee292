# PA-EDSR x2: EDSR with pyramid attention after half of its 32 blocks. The 0.1 weighs what the
# attention's result is added to, not the result, as in the released code.
model = dict(
    type="Restorer",
    network=dict(
        type="EDSR",
        scale=2,
        channels=256,
        num_blocks=32,
        res_scale=0.1,
        aggregator=dict(
            type="PyramidAttention", channels=256, reduction=8, levels=5, identity_scale=0.1
        ),
    ),
    loss=dict(type="L1Loss"),
)
