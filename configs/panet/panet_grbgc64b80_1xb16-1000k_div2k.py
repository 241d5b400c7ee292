# PANet for Bayer mosaics of the phase GRBG, as published.
_base_ = [
    "../_base_/models/panet.py",
    "../_base_/datasets/demosaicing_div2k.py",
    "../_base_/schedules/panet_1000k.py",
    "../_base_/runtime/default.py",
]
model = dict(test_procedure="official", network=dict(colour="bayer", purpose="demosaicing"))
