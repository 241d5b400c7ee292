# DIV2K with one realisation of noise for each picture, as RNAN's and PANet's noisy files: one level
# a network, which a config says.
_base_ = ["restoration_div2k.py", "tests_denoising.py"]  # the latter is what `ignn test` scores
_noise = [dict(type="GaussianNoise", sigma=30)]
train_dataloader = dict(dataset=dict(degradations=_noise))
val_dataloader = dict(dataset=dict(degradations=_noise))
