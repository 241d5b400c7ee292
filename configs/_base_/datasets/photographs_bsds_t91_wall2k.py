# LR pictures as photographs are: eleven of twenty are colour JPEGs (4:2:0) of a quality of 30..95,
# one of five is slightly noisy before that; more than a third are clean. Validation and tests
# reduce by the exact bicubic and compress at a quality of 40, and not at all.
_base_ = ["restoration_bsds_t91_wall2k.py", "tests_photographs.py"]  # the latter is what is scored
_noise, _jpeg = dict(type="GaussianNoise", sigma=[0.5, 4]), dict(type="JPEGCompression")
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_._turned,
            dict(type="Degrade", degradations=[_noise], prob=0.2),
            dict(type="Degrade", degradations=[dict(**_jpeg, quality=[30, 95])], prob=0.55),
            dict(type="PackInputs"),
        ]
    )
)
val_dataloader = [
    dict(
        **_base_._loader,
        dataset=dict(
            **_base_._validation,
            **_base_._held_out["bsds399_val20"],
            name=_name,
            degradations=[dict(type="BicubicDown"), *_steps],
        ),
    )
    for _name, _steps in (
        ("bsds399_val20_q40", [dict(**_jpeg, quality=40)]),
        ("bsds399_val20", []),
    )
]
val_evaluator = dict(type="SRMetric")
