# IGNN x2: EDSR with GraphAgg after half of its 32 blocks. The embedder's weights are torchvision's
# VGG19, looked up in torch.hub's cache; give a path or URL for another place.
model = dict(
    type="Restorer",
    network=dict(
        type="EDSR",
        scale=2,
        channels=256,
        num_blocks=32,
        res_scale=0.1,
        aggregator=dict(
            type="GraphAgg",
            channels=256,
            scale=2,
            num_neighbors=5,
            window=30,
            embedder=dict(type="VGGEmbedder", weights="vgg19-dcbb9e9d.pth"),
        ),
    ),
    loss=dict(type="L1Loss"),
)
