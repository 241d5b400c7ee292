# Table 2: neighbours of the image's own scale. A window of 60 spans the LR pixels of GraphAgg's 30.
_base_ = "../ignn/ignn_x2c256b32k5d30_1xb4-800k_div2k.py"
model = dict(
    network=dict(
        aggregator=dict(
            _delete_=True,
            type="SameScaleKNN",
            channels=256,
            num_neighbors=5,
            window=60,
            embedder=dict(type="VGGEmbedder", weights="vgg19-dcbb9e9d.pth"),
        )
    )
)
