# The luma of DIV2K, compressed as a grey JPEG: one quality a network, which a config says. The luma
# is rounded to 8 bits before and after; the released code of PANet takes that of a colour JPEG,
# unrounded. Ten pictures are for validation.
_base_ = "tests_artefacts.py"  # what `ignn test` scores
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="DIV2K/DIV2K_train_HR",
        colour="luma",
        degradations=[dict(type="JPEGCompression", quality=10)],
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
        colour="luma",
        degradations=[dict(type="JPEGCompression", quality=10)],
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric", protocol="plane")
val_cfg = dict(type="MultiValLoop")
