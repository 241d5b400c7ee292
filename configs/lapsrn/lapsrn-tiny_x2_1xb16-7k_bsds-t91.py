# LapSRN small enough for a CPU: one level of 10 layers, 48 channels, 245,104 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(
    network=dict(_delete_=True, type="LapSRN", scale=2, channels=48, depth=10),
    loss=dict(_delete_=True, type="CharbonnierLoss", eps=1e-3),
)
