# DnCNN for grey pictures with Gaussian noise of deviation 25: 17 layers of 64 channels. As
# published: 400 pictures, patches of 40x40, batch 128, SGD from 0.1 to 1e-4 over 50 epochs, half
# the sum of squared errors; an epoch is 1,000 iterations here. Noise is neither rounded nor
# clipped, and drawn anew for every patch.
_base_ = ["../_base_/runtime/default.py"]
batch_size = 128
lq_size = 40
model = dict(
    type="Restorer",
    network=dict(type="DnCNN", colour="grey", num_layers=17),
    loss=dict(type="MSELoss", loss_weight=0.5 * 40 * 40),
)
_noise = dict(type="GaussianNoise", sigma=25, noise_model="float")
train_dataloader = dict(
    num_workers=2,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="train/BSD400",
        colour="grey",
        pipeline=[
            dict(type="PairedRandomCrop"),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="Degrade", degradations=[_noise]),
            dict(type="PackInputs"),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="bench/Set12",
        name="Set12_n25",
        colour="grey",
        degradations=[_noise],
        pipeline=[dict(type="PackInputs")],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SRMetric", protocol="plane")
val_cfg = dict(type="MultiValLoop")
test_dataloader = [val_dataloader]
test_evaluator = dict(type="SRMetric", protocol="plane")
test_cfg = dict(type="MultiTestLoop")
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = dict(type="ExponentialLR", by_epoch=False, gamma=0.9998618)
train_cfg = dict(type="IterationTrainLoop", max_iters=50_000, val_interval=1_000)
