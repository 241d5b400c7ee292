# NLRN for grey pictures with Gaussian noise of deviation 25: 12 rounds of 128 channels, patches of
# 43x43, batch 16, Adam at 1e-3 halved every 100,000 iterations. The authors clip each tensor's
# gradient at a norm of 2.5, here the norm of all.
_base_ = "../dncnn/dncnn_n25_1xb128-50k_bsd400.py"
batch_size = 16
lq_size = 43
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="Adam", lr=1e-3, betas=(0.9, 0.999), eps=1e-8),
    clip_grad=dict(max_norm=2.5),
)
param_scheduler = dict(
    _delete_=True,
    type="MultiStepLR",
    by_epoch=False,
    milestones=[100_000, 200_000, 300_000, 400_000, 450_000],
    gamma=0.5,
)
train_cfg = dict(max_iters=500_000)
model = dict(
    network=dict(_delete_=True, type="NLRN", scale=1),
    loss=dict(_delete_=True, type="MSELoss"),
)
