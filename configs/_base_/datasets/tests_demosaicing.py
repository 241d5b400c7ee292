# Demosaicing as RNAN and PANet test it: 8-bit Bayer mosaics of the phase GRBG, three channels with
# zeros; whole pictures are scored. CBSD68 is taken out of BSD100.
_base_ = "tests_denoising.py"
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_folder}",
            ann_file=_base_._names if _name == "CBSD68" else None,
            name=_name,
            degradations=[dict(type="BayerMosaic", phase="GRBG")],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _folder, _name in (
        ("Set5", "Set5"),
        ("Set14", "Set14"),
        ("McMaster18", "McMaster18"),
        ("Kodak24", "Kodak24"),
        ("BSD100", "CBSD68"),
        ("Urban100", "Urban100"),
    )
]
