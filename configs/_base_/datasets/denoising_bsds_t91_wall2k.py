# Pictures with Gaussian noise of any deviation of 5..55, drawn anew for every crop.
_base_ = ["restoration_bsds_t91_wall2k.py", "tests_denoising.py"]  # the latter is what is scored
_drawn = dict(type="Degrade", degradations=[dict(type="GaussianNoise", sigma=[5, 55])])
train_dataloader = dict(dataset=dict(pipeline=[*_base_._turned, _drawn, dict(type="PackInputs")]))
val_dataloader = [
    dict(
        **_base_._loader,
        dataset=dict(
            **_base_._validation,
            **_pictures,
            name=f"{_name}_n30",
            degradations=[dict(type="GaussianNoise", sigma=30)],
        ),
    )
    for _name, _pictures in _base_._held_out.items()
]
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
