# LR pictures made by the exact bicubic and then compressed as colour JPEGs (4:2:0) of five
# qualities, and the clean ones.
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_set}",
            name=f"{_set}_q{_quality}" if _quality else _set,
            degradations=[
                dict(type="BicubicDown"),
                *([dict(type="JPEGCompression", quality=_quality)] if _quality else []),
            ],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _set in ("Set5", "Set14", "Urban100")
    for _quality in (20, 40, 60, 80, 95, None)
]
test_evaluator = dict(type="SRMetric")
test_cfg = dict(type="MultiTestLoop")
