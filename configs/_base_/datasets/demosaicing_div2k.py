# DIV2K as Bayer mosaics of the phase GRBG. Crops are turned and flipped first and mosaicked then,
# so that the phase is always the one of the tests; the released code of RNAN and PANet crops and
# flips mosaics, and trains on all four phases. Ten pictures are for validation.
_base_ = "tests_demosaicing.py"  # what `ignn test` scores
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="DIV2K/DIV2K_train_HR",
        pipeline=[
            dict(type="PairedRandomCrop"),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="Degrade", degradations=[dict(type="BayerMosaic", phase="GRBG")]),
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
        degradations=[dict(type="BayerMosaic", phase="GRBG")],
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
val_cfg = dict(type="MultiValLoop")
