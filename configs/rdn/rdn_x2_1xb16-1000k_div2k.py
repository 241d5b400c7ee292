# RDN: 16 residual dense blocks of 8 convolutions. x3 and x4 were trained from x2 (init_cfg) on LR
# patches of 32x32.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
lq_size = dict(_delete_=True, x2=48, x3=32, x4=32)
model = dict(type="Restorer", network=dict(type="RDN", scale=2), loss=dict(type="L1Loss"))
