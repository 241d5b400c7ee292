# IGNN as the authors' released code trains it, two pictures a step on two GPUs: its crops and
# steps, channels permuted, no start from EDSR, and VGG re-randomised, as its training script does;
# tested in its tiles.
_base_ = [
    "../_base_/models/ignn.py",
    "../_base_/datasets/div2k.py",
    "../_base_/schedules/ignn_released_800k.py",
    "../_base_/runtime/default.py",
]
batch_size = 1
model = dict(
    test_procedure="official",
    network=dict(
        aggregator=dict(window_mode="official", embedder=dict(type="VGGEmbedder", weights="random"))
    ),
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="PairedRandomCrop"),
            dict(type="RandomFlip", direction="horizontal"),
            dict(type="RandomFlip", direction="vertical"),
            dict(type="RandomRot90"),
            dict(type="RandomChannelShuffle", prob=0.8),
            dict(type="PackInputs"),
        ]
    )
)
