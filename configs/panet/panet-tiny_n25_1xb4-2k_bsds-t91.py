# PANet small enough for a CPU: 12 blocks of 32 channels, 233,397 parameters.
_base_ = "../dncnn/dncnn-tiny_n25_1xb4-2k_bsds-t91.py"
model = dict(
    network=dict(
        _delete_=True,
        type="PANet",
        planes=1,
        colour="grey",
        channels=32,
        num_blocks=12,
        aggregator=dict(type="PyramidAttention", channels=32, reduction=4),
    )
)
