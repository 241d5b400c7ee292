# DIV2K as published: 800 training and 100 validation images with their bicubic LR files.
_base_ = "benchmarks.py"  # what `ignn test` scores
_pipeline = [
    dict(type="PairedRandomCrop"),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomFlip", direction="vertical"),
    dict(type="RandomRot90"),
    dict(type="PackInputs"),
]
train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="PairedImageDataset",
        gt_dir="DIV2K/DIV2K_train_HR",
        lq_dir="DIV2K/DIV2K_train_LR_bicubic/X{scale}",
        filename_tmpl="{}x{scale}",
        pipeline=_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="PairedImageDataset",
        gt_dir="DIV2K/DIV2K_valid_HR",
        lq_dir="DIV2K/DIV2K_valid_LR_bicubic/X{scale}",
        filename_tmpl="{}x{scale}",
        name="DIV2K_valid",
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric")
val_cfg = dict(type="MultiValLoop")
