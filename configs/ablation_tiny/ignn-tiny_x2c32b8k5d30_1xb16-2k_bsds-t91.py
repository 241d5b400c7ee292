# The ladder's IGNN: every variant here starts from the trained edsr_tiny_x2 and trains alike.
_base_ = [
    "../_base_/models/ignn_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/tiny_finetune.py",
    "../_base_/runtime/default.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2")))
