# SMFANet: 8 blocks of 36 channels.
_base_ = [
    "../_base_/datasets/div2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/smfanet_1000k.py",
    "../_base_/runtime/ema.py",
]
model = dict(
    type="Restorer",
    network=dict(type="SMFANet", scale=2),
    loss=dict(
        type="LossSum",
        losses=[dict(type="L1Loss"), dict(type="FrequencyLoss", loss_weight=0.05)],
    ),
)
