# MemNet: 6 memory blocks of 6 residual units on the luma, enlarged first. Patches of 31x31 (here of
# the LR side that comes nearest), batch 64, SGD at 0.1 divided by 10 at every fifth, the gradient's
# norm clipped at 0.4, as its port has it. The published networks saw 291 pictures, see VDSR.
_base_ = "../vdsr/vdsr_x2_1xb128-50k_bsds-t91.py"
batch_size = 64
lq_size = dict(_delete_=True, x2=16, x3=10, x4=8)
param_scheduler = dict(milestones=[20_000, 40_000, 60_000, 80_000])
train_cfg = dict(max_iters=100_000)
model = dict(
    network=dict(_delete_=True, type="MemNet", scale=2),
    loss=dict(_delete_=True, type="MSELoss"),
)
