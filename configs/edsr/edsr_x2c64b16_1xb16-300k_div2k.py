_base_ = [
    "../_base_/models/edsr.py",
    "../_base_/datasets/div2k.py",
    "../_base_/schedules/edsr_300k.py",
    "../_base_/runtime/default.py",
]
