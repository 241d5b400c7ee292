# The pictures of bsds_t91_wall2k.py as a trained SMFANet enlarges them are the targets: a small
# network learns from them faster than from the originals, whose finest detail nobody can guess.
# docs/data.md says how the pictures are made.
_base_ = "bsds_t91_wall2k.py"
_pipeline = [
    dict(type="PairedRandomCrop", extend=True),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomFlip", direction="vertical"),
    dict(type="RandomRot90"),
    dict(type="PackInputs"),
]
_sets = ("BSDS399", "T91", "wall2k")
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="PairedImageDataset",
        gt_dir=[f"distilled/smfanet_x{{scale}}/{_set}/SR" for _set in _sets],
        lq_dir=[f"distilled/smfanet_x{{scale}}/{_set}/X{{scale}}" for _set in _sets],
        exclude_file=["train/bsds399_val20.txt", "train/wall2k/wall2k_val12.txt"],
        cache="memory",
        pipeline=_pipeline,
    )
)
