# GCDN for grey pictures with Gaussian noise of deviation 25: patches of 42x42, which are searched
# whole, batch 12, Adam at 1e-4. Pictures are searched in windows of 49x49.
_base_ = "../dncnn/dncnn_n25_1xb128-50k_bsd400.py"
batch_size = 12
lq_size = 42
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="Adam", lr=1e-4, betas=(0.9, 0.999), eps=1e-8)
)
param_scheduler = None
train_cfg = dict(max_iters=400_000)
model = dict(network=dict(_delete_=True, type="GCDN"), loss=dict(_delete_=True, type="MSELoss"))
