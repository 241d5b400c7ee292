# Colour JPEGs (4:2:0) of any quality of 10..95, drawn anew for every crop; some of them grey.
# BSDS's own originals are JPEGs of high quality.
_base_ = ["restoration_bsds_t91_wall2k.py", "tests_artefacts.py"]  # the latter is what is scored
_drawn = dict(type="Degrade", degradations=[dict(type="JPEGCompression", quality=[10, 95])])
_crops = [*_base_._turned, dict(type="RandomGrey", prob=0.2), _drawn, dict(type="PackInputs")]
train_dataloader = dict(dataset=dict(pipeline=_crops))
val_dataloader = [
    dict(
        **_base_._loader,
        dataset=dict(
            **_base_._validation,
            **_pictures,
            name=f"{_name}_q20",
            degradations=[dict(type="JPEGCompression", quality=20)],
        ),
    )
    for _name, _pictures in _base_._held_out.items()
]
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
