# ignn_tiny_x2, which ships, and the base of configs/ablation_tiny: the graph is put into the
# trained edsr_tiny_x2_13k, and both train on.
_base_ = [
    "../_base_/models/ignn_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/schedules/tiny_finetune.py",
    "../_base_/runtime/default.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_13k")))
