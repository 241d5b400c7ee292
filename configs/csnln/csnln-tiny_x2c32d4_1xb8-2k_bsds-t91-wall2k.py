# csnln_tiny_x2.
_base_ = [
    "../_base_/models/csnln_tiny.py",
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/tiny_attention.py",
    "../_base_/runtime/default.py",
]
