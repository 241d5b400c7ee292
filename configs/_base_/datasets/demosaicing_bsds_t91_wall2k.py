# Bayer mosaics of the phase GRBG. Crops are turned and flipped first and mosaicked then, so that
# the phase is always that one.
_base_ = "tests_demosaicing.py"  # what `ignn test` scores
train_dataloader = dict(
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir=["train/BSDS399", "train/T91", "train/wall2k"],
        exclude_file=["train/bsds399_val20.txt", "train/wall2k/wall2k_val12.txt"],
        cache="memory",
        pipeline=[
            dict(type="PairedRandomCrop", extend=True, candidates=2),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="Degrade", degradations=[dict(type="BayerMosaic", phase="GRBG")]),
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
            gt_dir=_folder,
            ann_file=_list,
            name=_name,
            cache="memory",
            degradations=[dict(type="BayerMosaic", phase="GRBG")],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _folder, _list, _name in (
        ("train/BSDS399", "train/bsds399_val20.txt", "bsds399_val20"),
        ("train/wall2k", "train/wall2k/wall2k_val12.txt", "wall2k_val12"),
    )
]
val_evaluator = dict(type="SRMetric", protocol="rgb-full")
val_cfg = dict(type="MultiValLoop")
