# Gaussian noise in colour, as RNAN and PANet test it: noisy pictures are rounded and clipped to 8
# bits; whole pictures are scored. CBSD68 is taken out of BSD100.
_cbsd68 = (
    "101085 101087 102061 103070 105025 106024 108005 108070 108082 109053 119082 12084 "
    "123074 126007 130026 134035 14037 143090 145086 147091 148026 148089 157055 159008 "
    "160068 16077 163085 167062 167083 170057 175032 175043 182053 189080 19021 196073 "
    "197017 208001 210088 21077 216081 219090 220075 223061 227092 229036 236037 24077 "
    "241004 241048 253027 253055 260058 271035 285079 291000 295087 296007 296059 299086 "
    "300091 302008 304034 304074 306005 3096 33039 351093"
)
_names = _cbsd68.split(" ")
test_dataloader = [
    dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            type="RestorationDataset",
            gt_dir=f"bench/{_folder}",
            ann_file=_names if _name == "CBSD68" else None,
            name=f"{_name}_n{_sigma}",
            degradations=[dict(type="GaussianNoise", sigma=_sigma)],
            pipeline=[dict(type="PackInputs")],
            test_mode=True,
        ),
    )
    for _folder, _name in (
        ("Set5", "Set5"),
        ("Set14", "Set14"),
        ("Kodak24", "Kodak24"),
        ("BSD100", "CBSD68"),
        ("Urban100", "Urban100"),
    )
    for _sigma in (10, 30, 50, 70)
]
test_evaluator = dict(type="SRMetric", protocol="rgb-full")
test_cfg = dict(type="MultiTestLoop")
