# The luma of DIV2K, compressed as a grey JPEG: one quality a network, which a config says. The luma
# is rounded to 8 bits before and after; the released code of PANet takes that of a colour JPEG,
# unrounded.
_base_ = ["restoration_div2k.py", "tests_artefacts.py"]  # the latter is what `ignn test` scores
_degraded = dict(colour="luma", degradations=[dict(type="JPEGCompression", quality=10)])
train_dataloader = dict(dataset=_degraded)
val_dataloader = dict(dataset=_degraded)
val_evaluator = dict(protocol="plane")
