# Small training set: BSDS500's train and test images without Set5's "woman", and T91. Twenty of
# the BSDS images are held out for validation. LR images are made in memory.
_base_ = "benchmarks.py"  # what `ignn test` scores
_pipeline = [
    dict(type="PairedRandomCrop", extend=True),  # some of T91 are smaller than a crop
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomFlip", direction="vertical"),
    dict(type="RandomRot90"),
    dict(type="PackInputs"),
]
train_dataloader = dict(
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir=["train/BSDS399", "train/T91"],
        exclude_file="train/bsds399_val20.txt",
        cache="memory",
        pipeline=_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="train/BSDS399",
        ann_file="train/bsds399_val20.txt",
        name="bsds399_val20",
        cache="memory",
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric")
val_cfg = dict(type="MultiValLoop")
