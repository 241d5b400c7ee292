# LapSRN small enough for a CPU: two levels of 5 layers, 32 channels, 125,824 parameters.
_base_ = "../edsr/edsr-tiny_x4c32b8_1xb16-3k_bsds-t91.py"
model = dict(
    network=dict(_delete_=True, type="LapSRN", scale=4, channels=32, depth=5),
    loss=dict(_delete_=True, type="CharbonnierLoss", eps=1e-3),
    output_weights=[0.25, 1.0],
)
