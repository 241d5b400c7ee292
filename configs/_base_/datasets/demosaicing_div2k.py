# DIV2K as Bayer mosaics of the phase GRBG. Crops are turned and flipped first and mosaicked then,
# so that the phase is always the one of the tests; the released code of RNAN and PANet crops and
# flips mosaics, and trains on all four phases.
_base_ = ["restoration_div2k.py", "tests_demosaicing.py"]  # the latter is what `ignn test` scores
_mosaic = [dict(type="BayerMosaic", phase="GRBG")]
_drawn = dict(type="Degrade", degradations=_mosaic)
train_dataloader = dict(dataset=dict(pipeline=[*_base_._turned, _drawn, dict(type="PackInputs")]))
val_dataloader = dict(dataset=dict(degradations=_mosaic))
