# demosaic_tiny: Bayer mosaics of the phase GRBG.
_base_ = [
    "../_base_/models/half_edsr_tiny.py",
    "../_base_/datasets/demosaicing_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(colour="bayer", purpose="demosaicing"))
train_cfg = dict(max_iters=4_000, val_interval=4_000)
