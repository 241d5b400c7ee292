# N3Net small enough for a CPU: 3 neighbours in windows of 9x9 patches, 131,207 parameters.
_base_ = "../dncnn/dncnn-tiny_n25_1xb4-2k_bsds-t91.py"
model = dict(
    network=dict(_delete_=True, type="N3Net", features=32, depth=4, num_neighbors=3, window=9)
)
