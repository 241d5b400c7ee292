# D-DBPN: 7 up-projections of 64 channels. The authors make LR images by Pillow's bicubic while
# training; here they are DIV2K's own, as everywhere.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
lq_size = 40
param_scheduler = dict(
    _delete_=True, type="MultiStepLR", by_epoch=False, milestones=[500_000], gamma=0.1
)
model = dict(type="Restorer", network=dict(type="DBPN", scale=2), loss=dict(type="L1Loss"))
