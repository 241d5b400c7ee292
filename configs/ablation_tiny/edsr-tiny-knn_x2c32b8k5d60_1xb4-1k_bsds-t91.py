# Table 2: neighbours of the image's own scale. A window of 60 spans the LR pixels of GraphAgg's 30.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(
    network=dict(
        aggregator=dict(
            _delete_=True,
            type="SameScaleKNN",
            channels=32,
            window=60,
            embedder=dict(type="RGBEmbedder"),
            ecn_channels=16,
            residual=True,
        )
    )
)
