# GraphAgg after half of the groups. It starts as the identity, so a trained RCAN can be its start:
# model.network.init_cfg = dict(type="Pretrained", checkpoint=...).
_base_ = "rcan_x2c64g10b20_1xb16-1000k_div2k.py"
model = dict(
    network=dict(
        aggregator=dict(
            type="GraphAgg",
            channels=64,
            scale=2,
            residual=True,
            embedder=dict(type="VGGEmbedder", weights="vgg19-dcbb9e9d.pth"),
        )
    )
)
