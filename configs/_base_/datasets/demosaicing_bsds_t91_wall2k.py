# Bayer mosaics of the phase GRBG. Crops are turned and flipped first and mosaicked then, so that
# the phase is always that one.
_base_ = ["restoration_bsds_t91_wall2k.py", "tests_demosaicing.py"]  # the latter is what is scored
_mosaic = [dict(type="BayerMosaic", phase="GRBG")]
_crop, *_turns = _base_._turned
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(**_crop, candidates=2),
            *_turns,
            dict(type="Degrade", degradations=_mosaic),
            dict(type="PackInputs"),
        ]
    )
)
val_dataloader = [
    dict(
        **_base_._loader,
        dataset=dict(**_base_._validation, **_pictures, name=_name, degradations=_mosaic),
    )
    for _name, _pictures in _base_._held_out.items()
]
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
