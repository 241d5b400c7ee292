# PANet's pyramid attention in place of GraphAgg.
_base_ = "smfanet-graph_x2c36b8k5d30_1xb8-2k_bsds-t91-wall2k.py"
model = dict(
    network=dict(
        aggregator=dict(
            _delete_=True, type="PyramidAttention", channels=36, reduction=4, residual=True
        )
    ),
    train_only=["aggregator"],
)
