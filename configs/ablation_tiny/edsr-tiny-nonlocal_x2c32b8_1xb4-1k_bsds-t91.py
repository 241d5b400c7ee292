# Table 2: a non-local block in place of GraphAgg. Its pairs of pixels grow with the square of the
# image, to hours for Urban100: keys are sub-sampled.
_base_ = "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91.py"
model = dict(
    network=dict(aggregator=dict(_delete_=True, type="NonLocal", channels=32, sub_sample=True))
)
