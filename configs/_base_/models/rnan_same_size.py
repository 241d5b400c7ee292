# RNAN for pictures that keep their size: 10 groups of 64 channels.
model = dict(type="Restorer", network=dict(type="RNAN", scale=1), loss=dict(type="MSELoss"))
