# BSDS and T91 with wall2k: 111 photographs with much structure (facades, tiles, shelves), which are
# what internal priors live on. Twelve more of them are held out for validation.
_base_ = "bsds_t91.py"
train_dataloader = dict(
    dataset=dict(
        gt_dir=["train/BSDS399", "train/T91", "train/wall2k"],
        exclude_file=["train/bsds399_val20.txt", "train/wall2k/wall2k_val12.txt"],
    )
)
_validation = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
)
val_dataloader = [
    dict(
        **_validation,
        dataset=dict(
            type="RestorationDataset",
            gt_dir=_folder,
            ann_file=_list,
            name=_name,
            cache="memory",
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _folder, _list, _name in (
        ("train/BSDS399", "train/bsds399_val20.txt", "bsds399_val20"),
        ("train/wall2k", "train/wall2k/wall2k_val12.txt", "wall2k_val12"),
    )
]
