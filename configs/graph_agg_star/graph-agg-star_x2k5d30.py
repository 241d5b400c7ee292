# GraphAgg* of Figure 4: patches are compared in VGG features, nothing is learnt.
_base_ = ["../_base_/datasets/benchmarks.py", "../_base_/runtime/default.py"]
model = dict(
    type="Restorer",
    network=dict(
        type="GraphAggStar",
        scale=2,
        num_neighbors=5,
        window=30,
        embedder=dict(type="VGGEmbedder", weights="vgg19-dcbb9e9d.pth"),
    ),
)
