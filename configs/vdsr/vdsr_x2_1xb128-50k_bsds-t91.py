# VDSR: 20 layers of 64 channels on the luma, enlarged first. The published network saw 291
# pictures, T91 and BSDS500's train images; here Set5's "woman" is left out, and BSDS500's test
# images are in.
_base_ = [
    "../_base_/datasets/bsds_t91.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/vdsr_50k.py",
    "../_base_/runtime/default.py",
]
model = dict(
    type="Restorer",
    network=dict(type="VDSR", scale=2),
    loss=dict(type="MSELoss", loss_weight=128 * 40 * 40),  # the sum over a batch
)
