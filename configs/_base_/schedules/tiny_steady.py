# From a trained tiny network on, at a steady rate, to be cooled down by a later run: batch 8, LR
# patches of 64x64, orthogonal updates at 1e-3 after a warm-up, in bfloat16, which doubles the speed
# of CPUs that compute in it.
batch_size = 8
lq_size = 64
channels_last = True
optim_wrapper = dict(
    type="SafeOptimWrapper",
    optimizer=dict(type="OrthogonalMomentum", lr=1e-3),
    precision="bf16",
)
param_scheduler = dict(type="LinearLR", by_epoch=False, start_factor=0.1, begin=0, end=200)
train_cfg = dict(type="IterationTrainLoop", max_iters=10_000, val_interval=2_000)
