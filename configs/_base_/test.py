# A test of a checkpoint that carries its model's config: `ignn test FILE`.
_base_ = ["datasets/benchmarks.py", "runtime/default.py"]
