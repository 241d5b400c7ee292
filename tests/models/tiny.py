"""The smallest form of everything registered, in which `test_registry` tests it."""

RGB = {"type": "RGBEmbedder"}
NETWORKS = {
    "Bicubic": {"scale": 3},
    "DBPN": {"scale": 2, "channels": 4, "stem_channels": 8, "num_stages": 3},
    "CSNLN": {"scale": 2, "channels": 4, "depth": 2},
    "DnCNN": {"channels": 4, "num_layers": 4},
    "EDSR": {"scale": 2, "channels": 4, "num_blocks": 2},
    "GCDN": {
        "channels": 6,
        "rank": 2,
        "num_convs": 1,
        "num_high": 1,
        "num_blocks": 1,
        "num_updates": 1,
        "num_neighbors": 2,
        "window": 11,
    },
    "GraphAggStar": {"scale": 2, "embedder": RGB, "num_neighbors": 2},
    "HalfEDSR": {"channels": 4, "num_blocks": 1},
    "LapSRN": {"scale": 4, "channels": 4, "depth": 2},
    "MemNet": {"scale": 2, "channels": 4, "num_blocks": 2, "num_units": 2},
    "N3Net": {
        "planes": 2,
        "features": 4,
        "depth": 3,
        "num_denoisers": 2,
        "num_neighbors": 2,
        "patch": 4,
        "stride": 2,
        "window": 3,
    },
    "NLRN": {"scale": 1, "channels": 4, "inner": 2, "num_steps": 3},
    "OISR": {"scale": 4, "channels": 4, "num_blocks": 2},
    "PANet": {
        "channels": 4,
        "num_blocks": 2,
        "aggregator": {"type": "PyramidAttention", "channels": 4, "levels": 2},
    },
    "RCAN": {"scale": 3, "channels": 4, "num_groups": 2, "num_blocks": 1, "reduction": 2},
    "RDN": {"scale": 2, "channels": 4, "growth": 4, "num_blocks": 2, "depth": 2},
    "RNAN": {"scale": 2, "channels": 4, "num_groups": 3},
    "SAN": {"scale": 2, "channels": 8, "num_groups": 2, "num_blocks": 1, "reduction": 2},
    "SMFANet": {"scale": 2, "channels": 8, "num_blocks": 2},
    "SRFBN": {"scale": 3, "channels": 4, "num_groups": 2, "num_steps": 2},
    "VDSR": {"scale": 3, "channels": 4, "num_blocks": 2},
}
AGGREGATORS = {
    "CrossScaleAttention": {"channels": 4},
    "GraphAgg": {"channels": 4, "scale": 2, "embedder": RGB, "num_neighbors": 2},
    "GraphConvolution": {"channels": 4, "rank": 2, "num_neighbors": 3, "window": 11},
    "InScaleAttention": {"channels": 4},
    "MaskedBlock": {"channels": 4},
    "NonLocal": {"channels": 4},
    "PyramidAttention": {"channels": 4, "levels": 3},
    "QuerySoftmax": {"channels": 4},
    "RelaxedNeighbors": {
        "channels": 4,
        "num_neighbors": 2,
        "patch": 4,
        "stride": 2,
        "window": 3,
        "hidden": 4,
    },
    "RegionNonLocal": {"channels": 4, "reduction": 2},
    "SameScaleKNN": {"channels": 4, "embedder": RGB, "num_neighbors": 2},
    "SecondOrderAttention": {"channels": 4, "reduction": 2},
}
EMBEDDERS = {
    "CNNEmbedder": {"channels": 4},
    "EDSREmbedder": {"channels": 4, "num_blocks": 2},
    "RGBEmbedder": {},
    "VGGEmbedder": {"weights": "random"},
}
LOSSES = {
    "CharbonnierLoss": {},
    "FrequencyLoss": {},
    "L1Loss": {},
    "LossSum": {"losses": [{"type": "L1Loss"}, {"type": "MSELoss", "loss_weight": 2.0}]},
    "MSELoss": {},
}
# What holds networks, rather than being one: tested in `test_restorers`.
ELSEWHERE = {"SpandrelNetwork"}  # of a file of other code: tests/zoo/test_spandrel_file.py
AROUND = {"ImagePreprocessor", "InternalLearning", "Restorer"}
