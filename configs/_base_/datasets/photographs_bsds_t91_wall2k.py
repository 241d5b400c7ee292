# LR pictures as photographs are: eleven of twenty are colour JPEGs (4:2:0) of a quality of 30..95,
# one of five is slightly noisy before that; more than a third are clean. Validation and tests
# reduce by the exact bicubic and compress at a quality of 40, and not at all.
_base_ = "tests_photographs.py"  # what `ignn test` scores
train_dataloader = dict(
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir=["train/BSDS399", "train/T91", "train/wall2k"],
        exclude_file=["train/bsds399_val20.txt", "train/wall2k/wall2k_val12.txt"],
        cache="memory",
        pipeline=[
            dict(type="PairedRandomCrop", extend=True),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(
                type="Degrade",
                degradations=[dict(type="GaussianNoise", sigma=[0.5, 4])],
                prob=0.2,
            ),
            dict(
                type="Degrade",
                degradations=[dict(type="JPEGCompression", quality=[30, 95])],
                prob=0.55,
            ),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir="train/BSDS399",
            ann_file="train/bsds399_val20.txt",
            name=_name,
            cache="memory",
            degradations=[dict(type="BicubicDown"), *_steps],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _name, _steps in (
        ("bsds399_val20_q40", [dict(type="JPEGCompression", quality=40)]),
        ("bsds399_val20", []),
    )
]
val_evaluator = dict(type="SRMetric")
val_cfg = dict(type="MultiValLoop")
