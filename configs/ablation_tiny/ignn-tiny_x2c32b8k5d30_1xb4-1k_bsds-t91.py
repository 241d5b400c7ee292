# The ladder's IGNN, and what its other rungs share: a quarter of ignn_tiny_x2's batch and half of
# its iterations, so that all rungs train in two hours on one core. What is trained already learns
# slowly, so that small batches do not spoil it; new layers learn ten times faster.
_base_ = "../ignn/ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91.py"
batch_size = 4
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(
        custom_keys={"aggregator": dict(lr_mult=10.0), "fuse_hr": dict(lr_mult=10.0)}
    ),
)
train_cfg = dict(max_iters=1_000, val_interval=1_000)
