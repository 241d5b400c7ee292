# Grey pictures with Gaussian noise of deviation 25, neither rounded nor clipped, drawn anew for
# every crop: what the literature on grey pictures trains and tests.
_noise = dict(type="GaussianNoise", sigma=25, noise_model="float")
train_dataloader = dict(
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir=["train/BSDS399", "train/T91"],
        exclude_file="train/bsds399_val20.txt",
        colour="grey",
        cache="memory",
        pipeline=[
            dict(type="PairedRandomCrop", extend=True),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="Degrade", degradations=[_noise]),
            dict(type="PackInputs"),
        ],
    ),
)
_tested = dict(
    type="RestorationDataset",
    colour="grey",
    degradations=[_noise],
    pipeline=[dict(type="PackInputs")],
    test_mode=True,
)
_alone = dict(batch_size=1, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False))
val_dataloader = dict(
    **_alone,
    dataset=dict(
        **_tested,
        gt_dir="train/BSDS399",
        ann_file="train/bsds399_val20.txt",
        name="bsds399_val20_n25",
        cache="memory",
    ),
)
val_evaluator = dict(type="SRMetric", protocol="plane")
val_cfg = dict(type="MultiValLoop")
test_dataloader = [
    dict(**_alone, dataset=dict(**_tested, gt_dir=f"bench/{_name}", name=f"{_name}_n25"))
    for _name in ("Set12", "Urban100")
]
test_evaluator = dict(type="SRMetric", protocol="plane")
test_cfg = dict(type="MultiTestLoop")
