# PANet for the luma of JPEGs of quality 40, as published.
_base_ = [
    "../_base_/models/panet.py",
    "../_base_/datasets/artefacts_div2k.py",
    "../_base_/schedules/panet_1000k.py",
    "../_base_/runtime/default.py",
]
model = dict(test_procedure="official", network=dict(planes=1, purpose="artefacts"))
_degradations = [dict(type="JPEGCompression", quality=40)]
train_dataloader = dict(dataset=dict(degradations=_degradations))
val_dataloader = dict(dataset=dict(degradations=_degradations))
test_dataloader = [_t for _t in _base_.test_dataloader if _t["dataset"]["name"].endswith("_q40")]
