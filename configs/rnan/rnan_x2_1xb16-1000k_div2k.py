# RNAN: 10 groups of 64 channels. The paper trains up to 3,000,000 iterations.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
model = dict(type="Restorer", network=dict(type="RNAN", scale=2), loss=dict(type="L1Loss"))
