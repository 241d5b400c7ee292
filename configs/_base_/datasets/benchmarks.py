# The five sets of the tables, HR images under data_root/bench; LR images are made in memory by
# MATLAB's bicubic. A test leaves out, and names, what is not there.
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_name}",
            name=_name,
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _name in ("Set5", "Set14", "BSD100", "Urban100", "Manga109")
]
test_evaluator = dict(type="SRMetric")
test_cfg = dict(type="MultiTestLoop")
