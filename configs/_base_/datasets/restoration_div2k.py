# What the published trainings of degraded pictures share: DIV2K, crops turned and flipped, ten
# pictures for validation. Who builds on it says how both are degraded.
_turned = [
    dict(type="PairedRandomCrop"),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomFlip", direction="vertical"),
    dict(type="RandomRot90"),
]
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="DIV2K/DIV2K_train_HR",
        pipeline=[*_turned, dict(type="PackInputs")],
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
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
val_cfg = dict(type="MultiValLoop")
