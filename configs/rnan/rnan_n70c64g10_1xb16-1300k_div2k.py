# RNAN for colour pictures with noise of a deviation of 70, as published.
_base_ = [
    "../_base_/models/rnan_same_size.py",
    "../_base_/datasets/denoising_div2k.py",
    "../_base_/schedules/rnan_1300k.py",
    "../_base_/runtime/default.py",
]
model = dict(test_procedure="official", network=dict(purpose="denoising"))
_degradations = [dict(type="GaussianNoise", sigma=70)]
train_dataloader = dict(dataset=dict(degradations=_degradations))
val_dataloader = dict(dataset=dict(degradations=_degradations))
test_dataloader = [_t for _t in _base_.test_dataloader if _t["dataset"]["name"].endswith("_n70")]
