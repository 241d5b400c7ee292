# edsr_tiny_x4: from the trained edsr_tiny_x2_7k, whose blocks it keeps.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/bsds_t91.py",
    "../_base_/schedules/tiny_finetune.py",
    "../_base_/runtime/default.py",
]
model = dict(network=dict(scale=4, init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_7k")))
train_cfg = dict(max_iters=3_000)
