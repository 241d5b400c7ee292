_base_ = [
    "../_base_/models/ignn.py",
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/ignn_paper_800k.py",
    "../_base_/runtime/default.py",
]
