_base_ = [
    "../_base_/models/csnln.py",
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/csnln_1000k.py",
    "../_base_/runtime/default.py",
]
