# project_name x2: the toolbox's tiny EDSR with this project's aggregator, loss and data set.
_base_ = [
    "ignn_toolbox::_base_/models/edsr_tiny.py",
    "ignn_toolbox::_base_/datasets/bsds_t91.py",
    "ignn_toolbox::_base_/schedules/tiny_cosine.py",
    "ignn_toolbox::_base_/runtime/default.py",
]
custom_imports = dict(
    imports=["project_name.aggregator", "project_name.loss", "project_name.dataset"]
)
model = dict(
    network=dict(aggregator=dict(type="GlobalContext", channels=32), aggregate_after=4),
    loss=dict(type="EdgeLoss", edge_weight=0.1),
)
train_dataloader = dict(dataset=dict(type="MarginDataset", margin=2))
train_cfg = dict(max_iters=2_000, val_interval=500)
