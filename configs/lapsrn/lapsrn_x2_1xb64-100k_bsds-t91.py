# LapSRN x2: one level.
_base_ = "lapsrn_x4_1xb64-100k_bsds-t91.py"
model = dict(network=dict(scale=2), output_weights=[1.0])
