# As denoising_div2k.py, in grey.
_base_ = ["denoising_div2k.py"]
train_dataloader = dict(dataset=dict(colour="grey"))
val_dataloader = dict(dataset=dict(colour="grey"))
val_evaluator = dict(protocol="plane")
_pictures = dict(BSD100=_base_._names)
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_folder}",
            ann_file=_pictures.get(_folder),
            name=f"{_name}_n{_sigma}",
            colour="grey",
            degradations=[dict(type="GaussianNoise", sigma=_sigma)],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _folder, _name in (
        ("Set12", "Set12"),
        ("Kodak24", "Kodak24"),
        ("BSD100", "BSD68"),
        ("Urban100", "Urban100"),
    )
    for _sigma in (10, 30, 50, 70)
]
test_evaluator = dict(protocol="plane")
