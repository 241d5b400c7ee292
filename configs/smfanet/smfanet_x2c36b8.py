# SMFANet as its authors' weights are imported, all arguments told: to be tested, not trained.
_base_ = ["../_base_/datasets/benchmarks.py", "../_base_/runtime/default.py"]
model = dict(
    type="Restorer",
    network=dict(type="SMFANet", scale=2, channels=36, num_blocks=8, growth=2.0, share=0.25),
)
