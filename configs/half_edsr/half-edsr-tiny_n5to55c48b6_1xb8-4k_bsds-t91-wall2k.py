# denoise_tiny: colour pictures with noise of a deviation of 5..55 that it is not told.
_base_ = [
    "../_base_/models/half_edsr_tiny.py",
    "../_base_/datasets/denoising_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(purpose="denoising"))
# of deviations that it knows
test_dataloader = [
    _loader for _loader in _base_.test_dataloader if not _loader["dataset"]["name"].endswith("_n70")
]
train_cfg = dict(max_iters=4_000, val_interval=4_000)
