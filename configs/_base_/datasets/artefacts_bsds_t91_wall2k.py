# Colour JPEGs (4:2:0) of any quality of 10..95, drawn anew for every crop; some of them grey.
# BSDS's own originals are JPEGs of high quality.
_base_ = "tests_artefacts.py"  # what `ignn test` scores
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
            dict(type="RandomGrey", prob=0.2),
            dict(
                type="Degrade",
                degradations=[dict(type="JPEGCompression", quality=[10, 95])],
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
            gt_dir=_folder,
            ann_file=_list,
            name=f"{_name}_q20",
            cache="memory",
            degradations=[dict(type="JPEGCompression", quality=20)],
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
