# The base of the recipe table: edsr_tiny_x2_13k trained on for three minutes of one CPU thread.
# What is judged is the validation images of both sources; no benchmark.
_base_ = [
    "../_base_/models/edsr_tiny.py",
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/schedules/tiny_fast.py",
    "../_base_/runtime/default.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2_13k")))
test_dataloader = _base_.val_dataloader
test_evaluator = dict(type="SRMetric")
test_cfg = dict(type="MultiTestLoop")
