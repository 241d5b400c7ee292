# The ladder's IGNN, and what its other rungs share: a quarter of ignn_tiny_x2's batch and half of
# its iterations, so that all rungs train in two hours on one core.
_base_ = "../ignn/ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91.py"
batch_size = 4
optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(max_iters=1_000, val_interval=1_000)
