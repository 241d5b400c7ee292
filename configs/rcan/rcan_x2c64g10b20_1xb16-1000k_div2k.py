_base_ = [
    "../_base_/models/rcan.py",
    "../_base_/datasets/div2k.py",
    "../_base_/schedules/rcan_1000k.py",
    "../_base_/runtime/default.py",
]
