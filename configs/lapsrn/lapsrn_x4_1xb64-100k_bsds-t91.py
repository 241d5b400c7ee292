# LapSRN x4: two levels of 10 layers, 64 channels. The port sums the penalty over the pixels of both
# levels' images, so that the larger one weighs four times as much.
_base_ = [
    "../_base_/datasets/bsds_t91.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/lapsrn_100k.py",
    "../_base_/runtime/default.py",
]
model = dict(
    type="Restorer",
    network=dict(type="LapSRN", scale=4),
    loss=dict(type="CharbonnierLoss", eps=1e-3),
    output_weights=[0.25, 1.0],
)
