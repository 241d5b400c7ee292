# SRFBN: 4 rounds of 6 pairs of projections, the loss of every round with the same weight. The paper
# trains on DIV2K and Flickr2K; LR patches of 40x40 are those of x4.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
lq_size = dict(_delete_=True, x2=60, x3=50, x4=40)
model = dict(type="Restorer", network=dict(type="SRFBN", scale=2), loss=dict(type="L1Loss"))
