# Patches are compared by their colours, so that no foreign weights are needed.
_base_ = "graph-agg-star_x2k5d30.py"
model = dict(network=dict(embedder=dict(_delete_=True, type="RGBEmbedder")))
