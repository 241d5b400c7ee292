# JPEG artefacts as the literature tests them: the luma of pictures is compressed as a grey picture,
# and scored as a plane, without a border. A network of RGB gets the plane three times (planes=3),
# and its first plane is scored.
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_name}",
            name=f"{_name}_q{_quality}",
            colour="luma",
            degradations=[dict(type="JPEGCompression", quality=_quality)],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _name in ("Classic5", "LIVE1")
    for _quality in (10, 20, 30, 40)
]
test_evaluator = dict(type="SRMetric", protocol="plane")
test_cfg = dict(type="MultiTestLoop")
