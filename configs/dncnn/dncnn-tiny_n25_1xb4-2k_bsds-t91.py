# DnCNN small enough for a CPU: 12 layers of 48 channels, 209,233 parameters; the recipe of the
# small networks for grey noise of deviation 25.
_base_ = [
    "../_base_/datasets/grey_n25_bsds_t91.py",
    "../_base_/schedules/tiny_cosine.py",
    "../_base_/runtime/default.py",
]
batch_size = 4
lq_size = 56
model = dict(
    type="Restorer",
    network=dict(type="DnCNN", colour="grey", channels=48, num_layers=12),
    loss=dict(type="MSELoss"),
)
train_cfg = dict(max_iters=2_000, val_interval=2_000)
