# The ladder's IGNN, and what its other rungs share: a graph is put into the trained
# edsr_tiny_x2_7k, and both train on, for an eighth of ignn_tiny_x2's training, so that all rungs
# with three seeds train in two hours on two cores.
_base_ = [
    "../_base_/models/ignn_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/schedules/tiny_new_layers.py",
    "../_base_/runtime/default.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_7k")))
