# DBPN small enough for a CPU: 211,818 parameters.
_base_ = "../edsr/edsr-tiny_x2c32b8_1xb16-7k_bsds-t91.py"
model = dict(network=dict(_delete_=True, type="DBPN", scale=2, channels=12, stem_channels=24))
