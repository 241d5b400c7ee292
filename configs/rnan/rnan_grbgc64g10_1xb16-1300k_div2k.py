# RNAN for Bayer mosaics of the phase GRBG, as published.
_base_ = [
    "../_base_/models/rnan_same_size.py",
    "../_base_/datasets/demosaicing_div2k.py",
    "../_base_/schedules/rnan_1300k.py",
    "../_base_/runtime/default.py",
]
model = dict(test_procedure="official", network=dict(colour="bayer", purpose="demosaicing"))
