# OISR-RK3: 22 blocks of 256 channels, HR patches of 192x192, the rate halved every 300,000
# iterations.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
lq_size = dict(_delete_=True, x2=96, x3=64, x4=48)
param_scheduler = dict(milestones=[300_000, 600_000, 900_000])
model = dict(type="Restorer", network=dict(type="OISR", scale=2), loss=dict(type="L1Loss"))
