# ignn_tiny_x3: the graph is put into the trained edsr_tiny_x3, and both train on, for ten minutes
# on one core.
_base_ = [
    "../_base_/models/ignn_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/schedules/tiny_new_layers.py",
    "../_base_/runtime/default.py",
]
model = dict(
    network=dict(
        scale=3,
        aggregator=dict(scale=3),
        init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x3"),
    )
)
