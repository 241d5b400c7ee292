# SAN: 20 groups of 10 blocks, 64 channels; the rate halved every 200,000 iterations as in the paper
# (the released code multiplies it by 0.6 every 50,000).
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
model = dict(type="Restorer", network=dict(type="SAN", scale=2), loss=dict(type="L1Loss"))
