# jpeg_tiny: what JPEG did to colour photographs, at a quality of 10..95 that it is not told.
_base_ = [
    "../_base_/models/half_edsr_tiny.py",
    "../_base_/datasets/artefacts_bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(purpose="artefacts"))
test_dataloader = [
    dict(_loader, dataset=dict(_loader["dataset"], planes=3)) for _loader in _base_.test_dataloader
]
train_cfg = dict(max_iters=4_000, val_interval=4_000)
