# Table 2 extended: PANet's pyramid attention in place of GraphAgg.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(
    network=dict(
        aggregator=dict(
            _delete_=True, type="PyramidAttention", channels=32, reduction=4, residual=True
        )
    )
)
