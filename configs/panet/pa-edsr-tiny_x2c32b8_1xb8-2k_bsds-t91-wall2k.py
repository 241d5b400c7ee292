# paedsr_tiny_x2: on from edsr_tiny_x2's stem and blocks; the upsampler is another one.
_base_ = [
    "../_base_/models/pa_edsr_tiny.py",
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/tiny_attention.py",
    "../_base_/runtime/ema.py",
]
model = dict(network=dict(init_cfg=dict(type="Pretrained", checkpoint="edsr_tiny_x2")))
