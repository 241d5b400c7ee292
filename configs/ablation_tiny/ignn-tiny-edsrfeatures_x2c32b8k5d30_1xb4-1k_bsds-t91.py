# Embedder: patches are compared in what edsr_tiny_x2_7k, from which the network starts, makes of
# the image in its first four blocks, those before the graph.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(
    network=dict(
        aggregator=dict(
            embedder=dict(
                type="EDSREmbedder",
                channels=32,
                num_blocks=4,
                init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_7k"),
            ),
        ),
    ),
)
