# From a trained tiny network on, to which layers are added: batch 4, LR patches of 40x40, Adam
# along a cosine for 1,000 iterations. What is trained already learns slowly, so that small batches
# do not spoil it; an aggregator and its fusion learn ten times faster.
_base_ = "tiny_finetune.py"
batch_size = 4
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(
        custom_keys={"aggregator": dict(lr_mult=10.0), "fuse_hr": dict(lr_mult=10.0)}
    ),
)
train_cfg = dict(max_iters=1_000, val_interval=1_000)
