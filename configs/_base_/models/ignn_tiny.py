# edsr_tiny with a graph that compares RGB patches. It starts as the identity, so that it can be
# put into a trained edsr_tiny.
_base_ = "edsr_tiny.py"
model = dict(
    network=dict(
        aggregator=dict(
            type="GraphAgg",
            channels=32,
            scale=2,
            embedder=dict(type="RGBEmbedder"),
            ecn_channels=16,
            residual=True,
        ),
    ),
)
