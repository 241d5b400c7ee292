# DIV2K with one realisation of noise for each picture, as RNAN's and PANet's noisy files: one level
# a network, which a config says. Ten pictures are for validation.
_base_ = "tests_denoising.py"  # what `ignn test` scores
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="DIV2K/DIV2K_train_HR",
        degradations=[dict(type="GaussianNoise", sigma=30)],
        pipeline=[
            dict(type="PairedRandomCrop"),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="DIV2K/DIV2K_valid_HR",
        ann_file=[f"08{_number:02}" for _number in range(1, 11)],
        name="DIV2K_valid10",
        degradations=[dict(type="GaussianNoise", sigma=30)],
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
val_cfg = dict(type="MultiValLoop")
