# N3Net for grey pictures with Gaussian noise of deviation 25: patches of 80x80, batch 32, Adam from
# 1e-3 falling tenfold in 16,667 iterations; an epoch is 1,000 iterations here. Half the sum of
# squared errors of a picture, times 1600 / 80^2.
_base_ = "../dncnn/dncnn_n25_1xb128-50k_bsd400.py"
batch_size = 32
lq_size = 80
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="Adam", lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-4)
)
param_scheduler = dict(gamma=0.99986185)
train_cfg = dict(max_iters=51_000)
model = dict(network=dict(_delete_=True, type="N3Net"), loss=dict(loss_weight=0.5 * 1600))
