_base_ = "graph-agg-star_x4k5d30.py"
model = dict(network=dict(embedder=dict(_delete_=True, type="RGBEmbedder")))
