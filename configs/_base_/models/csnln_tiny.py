# CSNLN small enough to train on a CPU: 193,193 parameters at x2. The cell's weights are the same
# each time it runs, so that its depth costs time only. Tested in the authors' tiles: pairs of
# pixels of whole pictures take minutes each.
_base_ = "csnln.py"
model = dict(network=dict(channels=32, depth=4), test_procedure="official")
