# What trainings of degraded pictures on a CPU share: BSDS500, T91 and wall2k, kept in memory, whose
# crops are turned and flipped before anything is done to them, and the images held out of them. Who
# builds on it says what is done, to crops and to validation images.
_turned = [
    dict(type="PairedRandomCrop", extend=True),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomFlip", direction="vertical"),
    dict(type="RandomRot90"),
]
_loader = dict(batch_size=1, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False))
_validation = dict(
    type="RestorationDataset",
    cache="memory",
    pipeline=[dict(type="PackInputs")],
    test_mode=True,
)
_bsds = dict(gt_dir="train/BSDS399", ann_file="train/bsds399_val20.txt")
_wall = dict(gt_dir="train/wall2k", ann_file="train/wall2k/wall2k_val12.txt")
_held_out = dict(bsds399_val20=_bsds, wall2k_val12=_wall)
train_dataloader = dict(
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir=["train/BSDS399", "train/T91", "train/wall2k"],
        exclude_file=["train/bsds399_val20.txt", "train/wall2k/wall2k_val12.txt"],
        cache="memory",
    ),
)
val_cfg = dict(type="MultiValLoop")
