# Bicubic interpolation, the first row of every table. Nothing to train.
_base_ = ["../_base_/datasets/benchmarks.py", "../_base_/runtime/default.py"]
model = dict(type="Restorer", network=dict(type="Bicubic", scale=2))
